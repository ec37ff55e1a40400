# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What the gateway's table, names and users become in nginx's configuration."""

import re

import pytest

GIVEN = {
    "gateway_addresses": ["203.0.113.5", "2001:db8::5"],
    "gateway_names": ["vps.example.org", "203.0.113.5", "2001:db8::5"],
    "gateway_users": [{"name": "anna", "role": "engineer", "password": "unused here"}],
    "gateway_certificate": {"folder": "/etc/certificates/gateway", "authority": "/etc/certificates/ca.pem"},
    "gateway_routes": [
        {
            "name": "dagster",
            "title": "Dagster",
            "port": 3000,
            "upstream": "http://127.0.0.1:3000",
            "secret": "proof",
            "roles": {"viewer": "read", "engineer": "change"},
            "questions": ["/graphql"],
        },
        {
            "name": "trino",
            "title": "Trino",
            "port": 8080,
            "upstream": "https://127.0.0.1:8443",
            "authority": "/etc/certificates/ca.pem",
            "roles": {"admin": "change"},
            "own_login": ["/v1/statement"],
        },
    ],
}


@pytest.fixture
def configured(role):
    return lambda **more: role("gateway", **GIVEN | more).template("nginx.conf.j2")


def decisions(text: str, route: str) -> list[re.Pattern]:
    """The patterns of role, method and path by which a service is reached."""
    block = re.search(rf'^    map "\$gateway_access_{route} .*?^    }}', text, re.MULTILINE | re.DOTALL)[0]
    return [re.compile(pattern) for pattern in re.findall(r'^        "~(.*)" ', block, re.MULTILINE)]


@pytest.mark.parametrize(
    ("asked", "let_in"),
    [
        ("read GET /", True),
        ("read HEAD /runs", True),
        ("read POST /graphql", True),
        ("read POST /graphql/x", False),
        ("read POST /graphqlx", False),
        ("read POST /report_asset_check/x", False),
        ("read DELETE /", False),
        ("read GETX /", False),
        ("change DELETE /", True),
        ("change POST /report_asset_check/x", True),
        # Who has no role there.
        (" GET /", False),
        ("", False),
    ],
)
def test_who_reaches_dagster_by_which_method(configured, asked, let_in):
    assert any(pattern.search(asked) for pattern in decisions(configured(), "dagster")) == let_in


def test_it_listens_on_the_hosts_own_addresses_alone(configured):
    listening = set(re.findall(r"^ *listen (\S+?)[; ]", configured(), re.MULTILINE))
    ports = {f"{address}:{port}" for address in ("203.0.113.5", "[2001:db8::5]") for port in (80, 443, 3000, 8080)}
    assert listening == ports | {"unix:/run/gateway/refused.sock"}


def test_with_a_domain_each_service_has_a_name(configured):
    text = configured(gateway_domain="example.org", gateway_names=["example.org"])
    assert {"dagster.example.org;", "trino.example.org;"} <= set(re.findall(r"server_name (\S+)$", text, re.MULTILINE))
    assert "server_name example.org dagster.example.org trino.example.org;" in text
    # One session for all of them, so no cookie of a single host's.
    assert "__Secure-foss_data" in text
    assert "__Host-" not in text


def test_no_secret_is_in_what_everybody_may_read(configured, role):
    assert "proof" not in configured().replace("/etc/gateway/proofs.conf", "").replace("gateway_proof_", "")
    assert 'default "proof";' in role("gateway", **GIVEN).template("proofs.conf.j2")
