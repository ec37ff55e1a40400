# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_rules against a Trino that reads its rules file with a delay, and against none."""

import contextlib
import json
import os
import socket

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import patience
from ansible_collections.foss_data.platform.plugins.module_utils import trino_rules as rules_file
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import ALL_PRIVILEGES, may_read, merge
from ansible_collections.foss_data.platform.plugins.modules import trino_rules
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import result, run_module


def base(admin: str) -> dict:
    """The rules of a Trino that ``admin`` may do everything in."""
    return {
        "catalogs": [{"user": admin, "allow": "owner"}, {"catalog": "system", "allow": "read-only"}],
        "schemas": [{"user": admin, "owner": True}],
        "tables": [{"user": admin, "privileges": ALL_PRIVILEGES}],
        "queries": [{"allow": ["execute"]}],
    }


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rules.json"


@pytest.fixture
def deployed(file):
    """A file with the rules of a schema in it."""
    document = merge(base("old"), "lake", "sales", "ann")
    file.write_text(json.dumps(document))
    file.chmod(0o640)
    return document


class Trino:
    """It reads the rules again when it was asked ``delay`` times."""

    def __init__(self, file):
        self.file, self.delay, self.asked = file, 0, []
        self.document = json.loads(file.read_text()) if file.exists() else base("nobody")

    def run(self, query, parameters=None, user=None, catalog=None, schema=None):
        assert query == "SELECT 1 FROM system.runtime.tasks LIMIT 1"
        self.asked.append(user)
        if self.delay <= 0:
            self.document = json.loads(self.file.read_text())
        self.delay -= 1
        if not may_read(self.document, user, "system", "runtime", "tasks"):
            raise TrinoError("Trino refused (PERMISSION_DENIED): Access Denied", "PERMISSION_DENIED", "q1")
        return result([1])


@pytest.fixture
def listening():
    """A port that takes connections; what is asked goes to the double."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed():
    """A port that takes none."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def trino(file, monkeypatch):
    double = Trino(file)
    monkeypatch.setattr(Client, "run", lambda client, *a, **k: double.run(*a, **k))
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    monkeypatch.setattr(rules_file, "IN_FORCE", 0.1)
    return double


@pytest.fixture
def rules(file, closed):
    def run(check=False, **options):
        return run_module(trino_rules.main, check, **{"port": closed, "rules_file": str(file), "mode": "0640", **options})

    return run


def test_a_file_where_there_is_none(rules, file):
    predicted = rules(check=True, rules=base("new"))
    assert (predicted["changed"], file.exists()) == (True, False)
    real = rules(rules=base("new"))
    assert (json.loads(file.read_text()), file.stat().st_mode & 0o7777) == (base("new"), 0o640)
    assert (real["changed"], real["diff"], real["asked"]) == (True, predicted["diff"], [])
    (diff,) = real["diff"]
    assert diff["before"] == ""
    assert '  {"user": "new", "owner": true}\n' in diff["after"]
    assert not rules(rules=base("new"))["changed"]


def test_another_administrator(rules, file, deployed):
    predicted = rules(check=True, rules=base("new"))
    assert json.loads(file.read_text()) == deployed
    real = rules(rules=base("new"))
    assert json.loads(file.read_text()) == merge(base("new"), "lake", "sales", "ann")
    assert (real["changed"], real["diff"]) == (predicted["changed"], predicted["diff"]) == (True, real["diff"])
    assert '"user": "old"' in real["diff"][0]["before"]
    assert '"user": "old"' not in real["diff"][0]["after"]
    assert '{"user": "ann", "catalog": "lake", "schema": "sales", "owner": true}' in real["diff"][0]["after"]


@pytest.mark.parametrize("check", [True, False])
def test_a_second_run_changes_nothing(rules, file, deployed, check):
    before = file.stat()
    again = rules(check, rules=base("old"))
    assert not again["changed"]
    assert [d["before"] for d in again["diff"]] == [d["after"] for d in again["diff"]]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_mode_alone_is_a_change_and_shown(rules, file, deployed):
    file.chmod(0o600)
    predicted = rules(check=True, rules=base("old"))
    assert file.stat().st_mode & 0o7777 == 0o600
    real = rules(rules=base("old"))
    assert file.stat().st_mode & 0o7777 == 0o640
    assert (real["changed"], real["diff"]) == (predicted["changed"], predicted["diff"]) == (True, real["diff"])
    assert (real["diff"][1]["before"], real["diff"][1]["after"]) == ({"mode": "0600"}, {"mode": "0640"})


def test_done_means_that_trino_goes_by_them(rules, file, deployed, trino, listening):
    trino.delay = 5
    assert rules(port=listening, rules=base("new"))["asked"] == ["new", "old"]
    assert trino.delay < 0


def test_a_trino_that_does_not_take_them_up(rules, file, deployed, trino, listening):
    trino.delay = 10_000
    failed = rules(port=listening, rules=base("new"))
    assert f"Trino did not take up the rules in {file} (new may not yet read system.runtime.tasks)" in failed["msg"]
    # It is in the file, so the next run finds no difference: it asks all the same.
    assert rules(port=listening, rules=base("new"))["failed"]
    trino.delay = 0
    assert not rules(port=listening, rules=base("new"))["changed"]


def test_check_mode_asks_nobody(rules, deployed, trino, listening):
    rules(check=True, port=listening, rules=base("new"))
    assert trino.asked == []


def test_rules_of_one_schema_are_refused(rules, file):
    wrong = {**base("new"), "tables": [{"user": "ann", "catalog": "lake", "schema": "sales", "privileges": ["SELECT"]}]}
    assert rules(rules=wrong)["msg"].endswith("one schema or catalog and one user or group: that is given with trino_schema")
    assert not file.exists()


@pytest.mark.parametrize("section", ["catalogs", "schemas", "tables"])
def test_a_section_is_missing(rules, section):
    given = {k: v for k, v in base("new").items() if k != section}
    assert rules(rules=given)["msg"] == f"rules: {section} has to be a list of rules, if need be an empty one"


def test_a_file_that_is_not_json(rules, file):
    file.write_text("{")
    assert "the access rules were not changed: rules_file" in rules(rules=base("new"))["msg"]
    assert file.read_text() == "{"


def test_a_folder_that_is_not_there(rules, tmp_path):
    path = str(tmp_path / "none" / "rules.json")
    assert rules(check=True, rules_file=path, rules=base("new"))["changed"]
    assert "No such file or directory" in rules(rules_file=path, rules=base("new"))["msg"]
    assert os.listdir(tmp_path) == []
