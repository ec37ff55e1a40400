# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Versions against advisories in OSV's format."""

import itertools

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.audit.versions import installed, judge, key, touches

# As `dpkg --compare-versions` orders them.
ASCENDING = [
    ["1.0~~", "1.0~~a", "1.0~", "1.0~rc1", "1.0", "1.0-1~deb12u1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0a", "1.0+x", "1.0.1"],
    ["0.9", "1.2", "1.10", "1:0.1", "1:0.1-1"],
    ["2.36-9+deb12u3", "2.36-9+deb12u10"],
    ["476", "477.1"],
]


@pytest.mark.parametrize("versions", ASCENDING)
def test_versions_are_ordered(versions):
    for less, more in itertools.combinations(versions, 2):
        assert key(less) < key(more), (less, more)


def affected(*events: dict, versions: tuple[str, ...] = (), kind: str = "ECOSYSTEM") -> dict:
    return {"ranges": [{"type": kind, "events": list(events)}] if events else [], "versions": list(versions)}


@pytest.mark.parametrize(
    ("entry", "version", "mended"),
    [
        (affected({"introduced": "0"}, {"fixed": "2.0"}), "1.9", "2.0"),
        (affected({"introduced": "0"}, {"fixed": "2.0"}), "2.0", None),
        (affected({"introduced": "1.5"}, {"fixed": "2.0"}), "1.4", None),
        (affected({"introduced": "1.5"}), "1.5", ""),
        (affected({"introduced": "0"}, {"last_affected": "2.0"}), "2.0", ""),
        (affected({"introduced": "0"}, {"last_affected": "2.0"}), "2.0.1", None),
        # Mended, and broken again later; events in any order.
        (affected({"introduced": "3.0"}, {"fixed": "2.0"}, {"introduced": "0"}), "2.5", None),
        (affected({"introduced": "3.0"}, {"fixed": "2.0"}, {"introduced": "0"}), "3.1", "2.0"),
        (affected(versions=("1.0", "1.1")), "1.1", ""),
        (affected(versions=("1.0", "1.1")), "1.2", None),
        (affected({"introduced": "0"}, kind="GIT"), "1.0", None),
    ],
)
def test_what_an_advisory_means(entry, version, mended):
    assert touches(entry, version) == mended


FACTS = {
    "commands": {"packages": {"rc": 0, "out": "libssl3 openssl 3.0.11-1\nopenssl openssl 3.0.11-1\n"}},
    "releases": {"trino": "476", "minio": "v0.1", "dagster": "1.13.27", "else": "1"},
    "distributions": [["requests", "2.32.0"], ["requests", "2.31.0"]],
}
CATALOGUE = {
    "trino": {"kind": "maven", "coordinates": "io.trino:trino-server:tar.gz"},
    "minio": {"kind": "go", "module": "github.com/minio/minio"},
    "dagster": {"kind": "python"},
}


def test_what_is_installed():
    assert installed(FACTS, {"catalogue": CATALOGUE}) == {
        ("Debian", "openssl"): {"3.0.11-1"},
        ("Maven", "io.trino:trino-server"): {"476"},
        ("Go", "github.com/minio/minio"): {"0.1"},
        ("PyPI", "requests"): {"2.32.0", "2.31.0"},
    }


def advisory(ecosystem: str, name: str, fixed: str, **more) -> dict:
    entry = affected({"introduced": "0"}, {"fixed": fixed}) | {"package": {"ecosystem": ecosystem, "name": name}}
    return {"id": "OSV-1", "affected": [entry]} | more


@pytest.mark.parametrize(
    ("given", "evidence"),
    [
        (advisory("Debian:12", "openssl", "3.0.17-1"), ["OSV-1: openssl 3.0.11-1, mended in 3.0.17-1"]),
        (advisory("Debian:11", "openssl", "3.0.17-1"), None),
        (advisory("PyPI", "requests", "2.32.0"), ["OSV-1: requests 2.31.0, mended in 2.32.0"]),
        (advisory("npm", "requests", "9"), None),
        (advisory("PyPI", "requests", "9", withdrawn="2026-01-01T00:00:00Z"), None),
        ({"id": "OSV-2"}, None),
    ],
)
def test_advisories_are_judged(given, evidence):
    [finding] = judge(FACTS, {"catalogue": CATALOGUE, "advisories": [given], "debian": "12"})
    assert (finding["evidence"] if finding["result"] == "fail" else None) == evidence
