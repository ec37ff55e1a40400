# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The client of Trino, against what a real one answered."""

import json
import socket
import time

import pytest
import requests
from ansible_collections.foss_data.platform.plugins.module_utils import patience, trino
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import ANSWERS, CUT, INFO, Replay, failure

NATIONS = "SELECT name FROM tpch.tiny.nation ORDER BY 1 LIMIT 3"
STARTING = json.dumps({**INFO, "starting": True})


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(patience, "INTERVAL", 0.01)
    with Replay() as server:
        yield server


@pytest.fixture
def client(server):
    return Client("127.0.0.1", server.port, "admin", timeout=5)


def test_names_and_texts_are_quoted():
    assert trino.identifier('a"b') == '"a""b"'
    assert trino.literal("it's") == "'it''s'"
    assert trino.like("a_b%c\\d") == r"LIKE 'a\_b\%c\\d' ESCAPE '\'"


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT 1", True),
        ("  -- drop\n/* delete */ (select 1)", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("VALUES 1", True),
        ("TABLE nation", True),
        ("SHOW TABLES", True),
        ("DESC t", True),
        ("EXPLAIN DELETE FROM t", True),
        ("EXPLAIN ANALYZE SELECT 1", True),
        ("EXPLAIN ANALYZE VERBOSE SELECT 1", True),
        ("EXPLAIN ANALYZE DELETE FROM t", False),
        ("explain /* x */ analyze verbose INSERT INTO t VALUES 1", False),
        ("EXPLAIN /* ANALYZE SELECT */ ANALYZE INSERT INTO t VALUES 1", False),
        ("EXPLAIN -- ANALYZE SELECT\n ANALYZE DELETE FROM t", False),
        ("EXPLAIN ANALYZE /* VERBOSE SELECT */ VERBOSE DELETE FROM t", False),
        ("EXPLAIN /* ANALYZE DELETE */ ANALYZE VERBOSE /* DELETE */ SELECT 1", True),
        ("-- SELECT\nDROP TABLE t", False),
        ("-- x\rDELETE FROM t WHERE a NOT IN ( --\nSELECT 1)", False),
        ("/* x */ 1 /* y */ SELECT 1", False),
        ("--SELECT", False),
        ("INSERT INTO t SELECT 1", False),
        ("SELECTED", False),
        ("EXECUTE IMMEDIATE 'DROP TABLE t'", False),
        ("CALL system.flush()", False),
        ("", False),
        ("-- only a comment", False),
    ],
)
def test_what_only_reads(query, reads):
    assert trino.is_read(query) is reads


def test_every_type_comes_exact(client):
    zoo = next(q for q in ANSWERS if "Europe/Oslo" in q)
    found = client.run(zoo)
    row = dict(zip([c["name"] for c in found.columns], found.rows[0], strict=True))
    assert row == {
        "price": "1.50",
        "_col1": 1,
        "big": 9007199254740993,
        "nan": "NaN",
        "infinite": "Infinity",
        "double": 0.1,
        "date": "2020-02-29",
        "far": "+12000-01-01",
        "moment": "2020-06-01T12:00:00.123456789012",
        "oslo": "2020-06-01T12:00:00.5+02:00",
        "india": "2020-06-01T12:00:00+05:30",
        "utc": "2020-06-01T12:00:00+00:00",
        "clock": "01:02:03.1",
        "zoned": "01:02:03+02:00",
        "days": "2 00:00:00.000",
        "year": "1-0",
        "bytes": "AP8=",
        "list": [1, None],
        "map": {"1": "0.1"},
        "named": {"a": 1, "b": "x"},
        "nameless": [1, 2],
        "deep": [["2020-01-01T00:00:00+00:00"]],
        "json": '{"a":1}',
        "uuid": "12151fd2-7586-11e9-8f9e-2a86e4085a59",
        "padded": "a  ",
        "yes": True,
        "nothing": None,
        "text": "Ærlig",
        "_col28": 7,
    }
    json.dumps(found.rows, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # The hour that comes twice: the first of them.
        ("2020-10-25 02:30:00 Europe/Oslo", "2020-10-25T02:30:00+02:00"),
        ("+12000-01-01 00:00:00 Europe/Oslo", "+12000-01-01T00:00:00 Europe/Oslo"),
        ("2020-01-01 00:00:00 Nowhere/Land", "2020-01-01T00:00:00 Nowhere/Land"),
    ],
)
def test_times_with_a_zone(value, expected):
    assert trino.json_value(value, {"rawType": "timestamp with time zone"}) == expected


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "_col1", "b"], ["a", "_col1", "_col2", "b"]),
        (["_col1", "_col1", "_col1"], ["_col1", "_col2", "_col3"]),
    ],
)
def test_columns_have_unique_names(given, names):
    assert trino.column_names([{"name": n} for n in given]) == names


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("plain.", "plain"),
        (
            "Configuration errors:\n\n1) Error: Configuration property 'x' was not used\n\n1 error",
            "Configuration property 'x' was not used",
        ),
        ("1) Error: a\n2) Error: b\n3) Error: a", "a; b"),
        (
            "Unable to create injector\n\n1) Error: x\nCaused by: java.io.IOException: no route\n at y",
            "java.io.IOException: no route",
        ),
        ("", "no message"),
        ("x" * 1000, "x" * 400),
    ],
)
def test_one_line_of_a_message(message, line):
    assert trino.one_line(message) == line


def test_parameters_are_bound(client, server):
    found = client.run("SELECT ? AS number, ? AS text", [1, "it's"])
    assert found.rows == [[1, "it's"]]
    assert server.posted() == ["EXECUTE IMMEDIATE 'SELECT ? AS number, ? AS text' USING 1,'it''s'"]


def test_a_server_that_starts_is_waited_for(client, server):
    server.infos = [(503, ""), (200, STARTING)]
    server.first[NATIONS] = [failure("NO_NODES_AVAILABLE", "No nodes available to run query")]
    assert client.rows(NATIONS) == [["ALGERIA"], ["ARGENTINA"], ["BRAZIL"]]
    assert [path for _, path, _, _ in server.log].count("/v1/info") == 3
    assert server.posted() == [NATIONS, NATIONS]


def test_a_server_that_never_starts(server):
    server.infos = [(200, STARTING)] * 1000
    with pytest.raises(TrinoError, match=r"does not answer at http://127.0.0.1:\d+ \(it is starting\)"):
        Client("127.0.0.1", server.port, "admin", timeout=0.05).rows(NATIONS)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(TrinoError, match=r"\(Connection refused\): is it running there\?"):
            Client("127.0.0.1", free.getsockname()[1], "admin", timeout=0).rows(NATIONS)


def test_something_else_listens(client, server):
    server.infos = [(200, "<html>")]
    with pytest.raises(TrinoError, match="is not Trino"):
        client.rows(NATIONS)
    assert server.posted() == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("nonsense", r"\(SYNTAX_ERROR\): line 1:1: mismatched input 'nonsense'.* Give one statement, without a semicolon"),
        ("SELECT * FROM nope.a.b", r"\(CATALOG_NOT_FOUND\): line 1:15: Catalog 'nope' not found. trino_info lists"),
        ('CREATE SCHEMA "tpch"."contract_none" WITH (location = \'s3://nowhere/\')', "leave `location` out"),
    ],
)
def test_a_refusal_says_what_to_do(client, query, message):
    with pytest.raises(TrinoError, match=message) as caught:
        client.run(query)
    assert caught.value.query_id
    assert "\n" not in str(caught.value)


def test_what_trino_refused_is_not_sent_again(client, server):
    with pytest.raises(TrinoError):
        client.run("nonsense")
    assert server.posted() == ["nonsense"]


def test_a_lost_connection_is_not_sent_again(client, server):
    server.first[NATIONS] = [CUT]
    with pytest.raises(TrinoError, match="whether the statement was done is not known"):
        client.run(NATIONS)
    assert server.posted() == [NATIONS]


def test_what_takes_too_long_is_cancelled(server):
    running = {"id": "slow", "stats": {"state": "RUNNING", "elapsedTimeMillis": 1}, "endless": True}
    server.first[NATIONS] = [[running]]
    before = time.monotonic()
    with pytest.raises(TrinoError, match=r"query slow took more than 0.1 s and was cancelled: raise `timeout`") as caught:
        Client("127.0.0.1", server.port, "admin", timeout=0.1).run(NATIONS)
    assert time.monotonic() - before < 2
    assert (caught.value.name, caught.value.query_id) == ("EXCEEDED_TIME_LIMIT", "slow")
    assert [method for method, *_ in server.log][-1] == "DELETE"


def test_another_user_asks(client, server):
    client.rows(NATIONS, user="reader")
    assert {user for method, _, user, _ in server.log if method == "POST"} == {"reader"}


def test_a_password_is_only_sent_over_tls(server):
    """To one that does not speak it nothing is said."""
    asking = Client("127.0.0.1", server.port, "admin", password="x", timeout=0.1)
    for ask in (asking.info, lambda: asking.lets_in("admin", "x")):
        with pytest.raises(TrinoError, match=rf"Trino does not answer at https://127.0.0.1:{server.port}"):
            ask()
    assert server.log == []


@pytest.mark.parametrize(("status", "known"), [(200, True), (401, False)])
def test_whether_somebody_may_log_in(monkeypatch, status, known):
    given = {}
    answer = requests.Response()
    answer.status_code = status
    monkeypatch.setattr(requests, "get", lambda url, **options: given.update(options, url=url) or answer)
    assert Client("trino", 8443, "admin", password="x", ca_path="/ca.pem").lets_in("sales", "secret") is known
    assert (given["auth"], given["verify"]) == (("sales", "secret"), "/ca.pem")
    assert given["url"].startswith("https://trino:8443/")


def test_a_server_that_is_none(monkeypatch):
    answer = requests.Response()
    answer.status_code = 404
    monkeypatch.setattr(requests, "get", lambda url, **options: answer)
    with pytest.raises(TrinoError, match=r"HTTP 404: is https://trino:8443 a Trino coordinator\?"):
        Client("trino", 8443, "admin", password="x").lets_in("sales", "secret")
