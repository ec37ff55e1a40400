# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Attempts to log in: who is let in, who is refused, and what could not be tried."""

import datetime
import http.server
import os
import socket
from urllib.parse import urlsplit

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.audit import attempts
from ansible_collections.foss_data.platform.tests.unit.conftest import serving
from minio.credentials import Credentials
from minio.signer import sign_v4_s3


class Service(http.server.BaseHTTPRequestHandler):
    """Answers with the status that ``server.answer`` gives for path and headers."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.server.answer(self.path, self.headers))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer

    def log_message(self, *_):
        """Nothing on the screen."""


@pytest.fixture
def service():
    """A service whose ``answer`` a test gives; ``login`` is how the audit is told of it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.login = {
        "service": "X",
        "port": server.server_address[1],
        "users": [],
        "tls": False,
        "buckets": [],
        "region": "eu-north-1",
    }
    with serving(server):
        yield server


def outcomes(tried) -> dict[str, str]:
    return {attempt["who"]: attempt["outcome"] for attempt in tried}


def test_trino_that_asks_for_a_password(service):
    service.answer = lambda path, headers: 401
    assert outcomes(attempts.trino(service.login | {"users": ["admin"]}, "")) == {"admin by its name alone": "refused"}


def test_trino_that_takes_a_name(service):
    service.answer = lambda path, headers: 200 if headers["X-Trino-User"] == "admin" else 401
    tried = attempts.trino(service.login | {"users": ["admin", "trino"]}, "")
    assert outcomes(tried) == {"admin by its name alone": "let in", "trino by its name alone": "refused"}


def test_an_object_store_with_its_makers_key(service):
    service.answer = lambda path, headers: 200 if "Credential=minioadmin/" in headers.get("Authorization", "") else 403
    found = outcomes(attempts.s3(service.login | {"users": ["root"], "buckets": ["lakehouse"]}, ""))
    assert found["minioadmin with its own name"] == "let in"
    assert {outcome for who, outcome in found.items() if not who.startswith("minioadmin")} == {"refused"}
    assert "anybody to bucket lakehouse" in found


def test_a_bucket_that_anybody_lists(service):
    service.answer = lambda path, headers: 200 if path.startswith("/lakehouse?") and "Authorization" not in headers else 403
    found = outcomes(attempts.s3(service.login | {"buckets": ["lakehouse", "other"]}, ""))
    assert [who for who, outcome in found.items() if outcome == "let in"] == ["anybody to bucket lakehouse"]


def test_the_signature_is_the_one_that_object_stores_know():
    at = datetime.datetime(2026, 11, 30, 4, 5, 6, tzinfo=datetime.UTC)
    ours = attempts.signed("127.0.0.1:9010", "key", "secret", "eu-north-1", at)
    theirs = sign_v4_s3(
        method="GET",
        url=urlsplit("http://127.0.0.1:9010/"),
        region="eu-north-1",
        headers={name.lower(): value for name, value in ours.items() if name != "Authorization"},
        credentials=Credentials("key", "secret"),
        content_sha256=ours["X-Amz-Content-SHA256"],
        date=at,
    )
    assert ours["Authorization"] == theirs["Authorization"]


@pytest.mark.parametrize("kind", ["s3", "trino"])
def test_a_service_that_is_not_there_was_not_tried(closed_port, kind):
    login = {
        "service": "X",
        "port": closed_port,
        "users": ["admin"],
        "tls": False,
        "buckets": ["lakehouse"],
        "region": "eu-north-1",
    }
    assert {attempt["outcome"] for attempt in attempts.KINDS[kind](login, "")} == {"not tried"}


# -- PostgreSQL, by what psql says

PSQL = """#!/bin/sh
case "$PGPASSWORD" in
  postgres) exit 0 ;;
  admin) echo 'FATAL:  database "postgres" does not exist' >&2; exit 2 ;;
  changeme) echo 'connection to server failed: Connection refused' >&2; exit 2 ;;
  password) echo 'FATAL:  password authentication failed for user "x"' >&2; exit 2 ;;
  own) echo 'no pg_hba.conf entry for host "[local]", user "own", database "postgres", no encryption' >&2; exit 2 ;;
  "") echo 'fe_sendauth: no password supplied' >&2; exit 2 ;;
esac
"""


def test_postgresql(tmp_path, monkeypatch):
    (tmp_path / "psql").write_text(PSQL)
    (tmp_path / "psql").chmod(0o755)
    (tmp_path / "runuser").write_text("#!/bin/sh\necho 'FATAL:  Peer authentication failed for user \"x\"' >&2; exit 2\n")
    (tmp_path / "runuser").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = outcomes(attempts.postgresql({"service": "PostgreSQL", "port": 5432, "users": ["postgres", "own"]}, ""))
    assert {who: outcome for who, outcome in found.items() if who.startswith("own with its")} == {
        "own with its own name": "refused"
    }
    assert {who: outcome for who, outcome in found.items() if who.startswith("postgres")} == {
        "postgres without a password": "refused",
        # It was let in, and what it asked for is not there.
        "postgres with 'admin'": "let in",
        "postgres with 'password'": "refused",
        "postgres with 'changeme'": "not tried",
        "postgres with its own name": "let in",
        "postgres by its socket, as the Linux user nobody": "refused",
    }


def test_a_host_without_psql(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    login = {"service": "PostgreSQL", "port": 5432, "users": ["postgres"]}
    assert {attempt["outcome"] for attempt in attempts.postgresql(login, "")} == {"not tried"}


# -- ports of loopback


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes nobody")
def test_a_port_that_anybody_connects_to(closed_port):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        [open_to_all] = attempts.connection({"service": "loopback", "port": listening.getsockname()[1]}, "")
    [nobody_there] = attempts.connection({"service": "loopback", "port": closed_port}, "")
    assert (open_to_all["outcome"], nobody_there["outcome"]) == ("let in", "not tried")
