# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""credential_check: what each service's answer means. That they answer so tests/verify/rotation sees."""

import datetime
from urllib.parse import urlsplit

import pytest
from ansible_collections.foss_data.platform.plugins.modules import credential_check
from ansible_collections.foss_data.platform.tests.unit.conftest import run_module
from minio.credentials import Credentials
from minio.signer import sign_v4_s3

TRY = {"name": "it", "kind": "trino", "address": "127.0.0.1:1", "secret": "password-of-a-test", "opens": True}


def check(*tries: dict, timeout: int = 0) -> dict:
    return run_module(credential_check.main, tries=[TRY | given for given in tries], timeout=timeout)


@pytest.fixture
def answers(monkeypatch):
    """Each request is given the next of these, the last one for ever."""

    def give(*listed: tuple[int, str]) -> None:
        remaining = list(listed)
        monkeypatch.setattr(credential_check, "asked", lambda *_: remaining.pop(0) if len(remaining) > 1 else remaining[0])

    monkeypatch.setattr(credential_check, "trusting", lambda _path: None)
    return give


def test_a_request_is_signed_as_the_client_library_does():
    stamp = datetime.datetime(2026, 11, 30, 4, 5, 6, tzinfo=datetime.UTC)
    given = credential_check.signed("127.0.0.1:9010", "trino", "key", "eu-north-1", stamp.strftime("%Y%m%dT%H%M%SZ"))
    headers = {name: given[name] for name in ("host", "x-amz-content-sha256", "x-amz-date")}
    expected = sign_v4_s3(
        method="GET",
        url=urlsplit("http://127.0.0.1:9010/"),
        region="eu-north-1",
        headers=headers,
        credentials=Credentials("trino", "key"),
        content_sha256=headers["x-amz-content-sha256"],
        date=stamp,
    )
    assert given["Authorization"] == expected["Authorization"]


@pytest.mark.parametrize(
    ("kind", "answer", "opens"),
    [
        ("minio", (200, "<Buckets/>"), True),
        ("minio", (403, "<Code>AccessDenied</Code>"), True),
        ("minio", (403, "<Code>SignatureDoesNotMatch</Code>"), False),
        ("minio", (403, "<Code>InvalidAccessKeyId</Code>"), False),
        ("trino", (200, "[]"), True),
        ("trino", (401, "Unauthorized"), False),
        ("trino_internal", (200, "[]"), True),
        ("trino_internal", (401, "Unauthorized"), False),
    ],
)
def test_what_an_answer_means(answers, kind, answer, opens):
    answers(answer)
    assert check({"kind": kind, "opens": opens})["tried"] == [f"it opens {'it' if opens else 'nothing'} ({kind})"]
    failed = check({"kind": kind, "opens": not opens})
    assert failed["msg"] == f"credentials are not as they should be: it opens {'it' if opens else 'nothing'} ({kind})"


@pytest.mark.parametrize(
    ("said", "opens"),
    [('FATAL:  password authentication failed for user "x"', False), ('FATAL:  too many connections for role "x"', True)],
)
def test_what_postgresql_means(monkeypatch, said, opens):
    class Double:
        OperationalError = OSError

        @staticmethod
        def connect(**_given):
            raise OSError(said)

    monkeypatch.setattr(credential_check, "psycopg2", Double, raising=False)
    monkeypatch.setattr(credential_check, "PSYCOPG2_FAULT", None)
    assert "tried" in check({"kind": "postgresql", "opens": opens})
    assert "tried" not in check({"kind": "postgresql", "opens": not opens})


def test_a_service_that_reads_it_again_has_time(answers):
    answers((401, ""), (401, ""), (200, ""))
    assert "tried" in check({}, timeout=60)


def test_all_that_is_wrong_is_said_at_once_and_no_secret(answers):
    answers((200, ""))
    failed = check({"name": "the former a", "opens": False}, {"name": "the new a"}, {"name": "the former b", "opens": False})
    assert failed["msg"].endswith("the former a opens it (trino); the former b opens it (trino)")
    assert "password-of-a-test" not in str(failed)


def test_a_service_that_does_not_answer_proves_nothing(answers, silent_port):
    failed = check({"kind": "minio", "address": f"127.0.0.1:{silent_port}", "opens": False})
    assert failed["msg"].startswith("a service can't be asked: ")
    answers((500, ""))
    assert "Trino answers with HTTP 500" in check({"opens": False})["msg"]
