# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_query against what a real Trino answered."""

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client
from ansible_collections.foss_data.platform.plugins.modules import trino_query
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import Replay, result, run_module

NATIONS = "SELECT name FROM tpch.tiny.nation ORDER BY 1 LIMIT 3"
INSERT = "INSERT INTO t VALUES 1"


@pytest.fixture
def server():
    with Replay() as server:
        yield server


@pytest.fixture
def query(server):
    return lambda text, check=False, **options: run_module(trino_query.main, check, query=text, port=server.port, **options)


@pytest.mark.parametrize("check", [True, False])
def test_rows(query, check):
    found = query(NATIONS, check, read_only=True)
    assert found["changed"] is False
    assert found["rows"] == [{"name": "ALGERIA"}, {"name": "ARGENTINA"}, {"name": "BRAZIL"}]
    assert found["columns"] == [{"name": "name", "type": "varchar(25)"}]
    assert found["update_count"] is None
    assert found["query_id"]
    assert isinstance(found["seconds"], float)


def test_parameters_are_bound(query):
    found = query("SELECT ? AS number, ? AS text", parameters=[1, "it's"])
    assert found["rows"] == [{"number": 1, "text": "it's"}]


@pytest.mark.parametrize("check", [True, False])
def test_read_only_refuses_a_write(query, server, check):
    assert "this statement does not only read" in query(INSERT, check, read_only=True)["msg"]
    assert server.log == []


def test_a_write_is_not_run_in_check_mode(query, server):
    found = query(INSERT, check=True)
    assert (found["changed"], found["rows"], found["columns"]) == (True, [], [])
    assert server.log == []


@pytest.mark.parametrize(
    ("text", "update_type", "count", "changed"),
    [
        (INSERT, "INSERT", 1, True),
        (INSERT, "INSERT", 0, False),
        ("DELETE FROM t", "DELETE", 0, False),
        ("CREATE TABLE t AS SELECT 1 a WHERE false", "CREATE TABLE", 0, True),
        ("CREATE SCHEMA s", "CREATE SCHEMA", None, True),
        ("SELECT 1", None, None, False),
    ],
)
def test_what_is_a_change(query, monkeypatch, text, update_type, count, changed):
    monkeypatch.setattr(Client, "run", lambda *_, **__: result([count], update_type=update_type, update_count=count))
    found = query(text)
    assert (found["changed"], found["update_count"]) == (changed, count)


def test_catalog_and_schema_of_the_session(query, monkeypatch):
    asked = {}
    monkeypatch.setattr(Client, "run", lambda _, text, parameters, **session: asked.update(session) or result([1]))
    query("SELECT 1", catalog="tpch", schema="tiny")
    assert asked == {"catalog": "tpch", "schema": "tiny"}


def test_a_refusal(query):
    found = query("nonsense")
    assert found["failed"] is True
    assert found["msg"].startswith("Trino refused (SYNTAX_ERROR): line 1:1: mismatched input")
    assert found["query_id"]


def test_a_password_without_tls(query, server):
    assert f"does not answer at https://127.0.0.1:{server.port}" in query("SELECT 1", password="x", timeout=0)["msg"]
    assert server.log == []
