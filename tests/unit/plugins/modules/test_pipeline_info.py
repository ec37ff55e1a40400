# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_info: what a host, Dagster and Trino have of a pipeline, and what is not known is said to be so."""

import json
import os

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils import dagster as dagster_utils
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import NotAnswering
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import merge
from ansible_collections.foss_data.platform.plugins.modules import pipeline_info
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import result

RULES = {"catalogs": [], "schemas": [], "tables": []}
UNIT = "ActiveState=active\nStateChangeTimestamp=Tue 2026-11-24 20:40:00 UTC\nMemoryCurrent=104857600\nMemoryMax=infinity\n"
RUN = {
    "runId": "r1",
    "jobName": "sales",
    "status": "SUCCESS",
    "creationTime": 0,
    "startTime": 10.0,
    "endTime": 12.5,
    "repositoryOrigin": {"repositoryLocationName": "sales"},
}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with the pipeline ``sales`` in its second release; the rules give it one schema, and ``sales_eu`` another."""
    monkeypatch.setattr(pipeline_info, "ROOT", str(tmp_path))
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_a, **_k: (0, UNIT, ""))
    etc, srv, home = (tmp_path / p / "sales" for p in ("etc/pipelines", "srv/pipelines", "var/lib/pipelines"))
    (etc / "proven").mkdir(parents=True)
    manifest = {"title": "Sales", "owner": {"team": "retail", "email": "retail@example.org"}}
    (etc / "manifest.json").write_text(json.dumps({"name": "sales", "user": "pl-sales", "release": "bbb", "manifest": manifest}))
    for number, release in enumerate(("aaa", "bbb", "gone", "bare")):
        (etc / "proven" / f"{release}.json").write_text(json.dumps({"release": release, "deployed": number}))
    (tmp_path / "environment").mkdir()
    # What `bare` ran in is gone.
    for release, environment in (("aaa", "environment"), ("bbb", "environment"), ("bare", "removed")):
        (srv / "releases" / release).mkdir(parents=True)
        (srv / "releases" / release / ".ready").touch()
        (srv / "releases" / release / ".environment").symlink_to(tmp_path / environment)
    (srv / "current").symlink_to("releases/bbb")
    home.mkdir(parents=True)
    (home / "data").write_bytes(b"x" * 10_000)
    os.link(home / "data", home / "the same")
    document = merge(RULES, "iceberg", "sales_raw", "sales")
    document = merge(document, "iceberg", "sales_eu_raw", "sales_eu")
    document = merge(document, "delta", "sales_marts", "other", [{"user": "sales", "privileges": ["SELECT"]}])
    (tmp_path / "rules.json").write_text(json.dumps(document))
    return tmp_path


class Services:
    """What Dagster and Trino answer; `asked` is what Trino was."""

    def __init__(self):
        self.asked, self.runs, self.down, self.torn = [], [RUN], set(), ""

    def trino(self, query, *_a, **_k):
        self.asked.append(query)
        if "trino" in self.down:
            raise TrinoError("Trino does not answer")
        if query.startswith("SHOW SCHEMAS"):
            return result(*[[name] for name in ("sales_eu_raw", "sales_marts", "sales_raw")])
        if "information_schema" in query:
            return result(["sales_raw", "orders"], ["sales_raw", "it's"], columns=2)
        if self.torn and self.torn in query:
            raise TrinoError("Trino refused (ICEBERG_INVALID_METADATA)", "ICEBERG_INVALID_METADATA")
        if "UNION ALL" not in query and self.torn:
            return result(["sales_raw", "it's", 0, 0, None], columns=5)
        return result(["sales_raw", "it's", 0, 0, None], ["sales_raw", "orders", 5, 700, "2026-11-24T20:40:00+00:00"], columns=5)

    def dagster(self, query, **variables):
        if "dagster" in self.down:
            raise NotAnswering("Dagster does not answer")
        if "runsOrError" in query:
            [tag] = variables["filter"]["tags"]
            found = self.runs if tag == {"key": ".dagster/repository", "value": "__repository__@sales"} else []
            return {"runsOrError": {"__typename": "Runs", "results": found}}
        schedule = {"name": "sales_schedule", "cronSchedule": "0 5 * * *", "executionTimezone": "UTC"}
        schedule |= {"scheduleState": {"id": "1", "status": "RUNNING", "instigationType": "SCHEDULE"}}
        schedule |= {"futureTicks": {"results": [{"timestamp": 18000.0}]}}
        loaded = {"__typename": "RepositoryLocation", "repositories": [{"schedules": [schedule]}]}
        entries = [{"name": "sales", "locationOrLoadError": loaded}, {"name": "x", "locationOrLoadError": None}]
        return {"workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}}


@pytest.fixture
def services(monkeypatch):
    double = Services()
    monkeypatch.setattr(Client, "run", double.trino)
    monkeypatch.setattr(dagster_utils.Dagster, "ask", double.dagster)
    return double


@pytest.fixture
def info(module, host, services):
    """The facts, of `sales` unless others are named."""
    trino = {"user": "platform", "catalogs": ["iceberg", "delta"], "rules_file": str(host / "rules.json")}

    def run(**options):
        return module(pipeline_info.main, dagster_url="http://127.0.0.1:3000", trino=trino, timeout=0, **options)

    return run


def test_the_facts(info):
    [found] = info()["pipelines"]
    assert (found["name"], found["deployed"], found["owner"]["team"], found["release"]) == ("sales", True, "retail", "bbb")
    assert found["releases"] == ["bbb", "aaa"]
    assert found["memory"] == {"bytes": 104857600, "max_bytes": None}
    # What is linked twice is there once.
    assert 10_000 <= found["disk"]["home_bytes"] < 20_000
    assert found["schedule"] == {"state": "running", "cron": "0 5 * * *", "timezone": "UTC", "next": "1970-01-01T05:00:00+00:00"}
    assert found["runs"] == [
        {"run_id": "r1", "job": "sales", "status": "SUCCESS", "seconds": 2.5, "created": "1970-01-01T00:00:00+00:00"}
    ]
    assert [table["table"] for table in found["tables"]] == ["it's", "orders"]
    assert found["tables"][1]["rows"] == 5
    assert found["freshness"] == "2026-11-24T20:40:00+00:00"
    assert found["unknown"] == {}


def test_only_its_own_schemas(info, services):
    """Neither those of a pipeline whose name begins alike, nor those that it may only read."""
    [found] = info()["pipelines"]
    assert found["schemas"] == [{"catalog": "iceberg", "name": "sales_raw"}]
    [tables] = [query for query in services.asked if "UNION ALL" in query]
    assert '"iceberg"."sales_raw"."it\'s$files"' in tables
    assert "'it''s'" in tables


def test_many_tables_are_asked_for_in_parts(info, services, monkeypatch):
    monkeypatch.setattr(pipeline_info, "TABLES_AT_ONCE", 1)
    info()
    assert len([query for query in services.asked if "$files" in query]) == 2


def test_a_table_that_is_torn_hides_no_other(info, services):
    """As when its removal was ended half-way: the schemas are known, and it can be removed again."""
    services.torn = '"orders$files"'
    [found] = info()["pipelines"]
    assert found["schemas"] == [{"catalog": "iceberg", "name": "sales_raw"}]
    assert {table["table"]: table["rows"] for table in found["tables"]} == {"it's": 0, "orders": None}
    assert found["unknown"] == {"trino": "iceberg.sales_raw.orders: Trino refused (ICEBERG_INVALID_METADATA)"}


@pytest.mark.parametrize(("down", "unknown"), [("trino", ("tables", "schemas", "freshness")), ("dagster", ("runs", "schedule"))])
def test_what_is_not_known_is_null_and_why_is_said(info, services, down, unknown):
    services.down = {down}
    [found] = info()["pipelines"]
    assert [found[key] for key in unknown] == [None] * len(unknown)
    assert list(found["unknown"]) == [down]
    assert "does not answer" in found["unknown"][down]
    assert found["release"] == "bbb"


def test_what_is_left_of_one_that_was_taken_away(info, host):
    (host / "etc/pipelines/sales/manifest.json").unlink()
    assert info()["pipelines"] == []
    [found] = info(names=["sales"])["pipelines"]
    assert (found["deployed"], found["user"], found["manifest"]) == (False, "pl-sales", None)
    assert found["schemas"] == [{"catalog": "iceberg", "name": "sales_raw"}]
    [never] = info(names=["stock"])["pipelines"]
    assert (never["release"], never["releases"], never["disk"]["home_bytes"]) == (None, [], None)


def test_a_name_that_is_none(info):
    assert info(names=["../etc"])["msg"] == "names: '../etc' can't be the name of a pipeline"


def test_delta_tables_are_read_by_their_files():
    query = pipeline_info.facts_query("delta", "sales_raw", "orders")
    assert 'GROUP BY "$path"' in query
    assert '"delta"."sales_raw"."orders$history"' in query
