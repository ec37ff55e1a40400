# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""dagster_code_location and dagster_schedule for many at once, against a Dagster that is a few dictionaries."""

import functools
import time

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.module_utils import dagster as utils
from ansible_collections.foss_data.platform.plugins.module_utils import patience
from ansible_collections.foss_data.platform.plugins.modules import dagster_code_location, dagster_schedule

UNREACHABLE = {"__typename": "PythonError", "className": utils.UNREACHABLE, "message": "no", "stack": [], "errorChain": []}


class Dagster:
    """Code servers by socket, each with what it answers; it has the locations that its workspace file had when it read it."""

    def __init__(self, workspace):
        self.workspace, self.servers, self.known, self.running, self.log = workspace, {}, {}, set(), []
        self.refused = set()  # code locations that are not asked again

    def _entry(self, name, socket):
        answers = self.servers.get(socket, [UNREACHABLE])
        found = answers[0]
        if isinstance(found, str):
            schedule = {"name": found, "cronSchedule": "0 5 * * *", "executionTimezone": "UTC", "futureTicks": {"results": []}}
            state = "RUNNING" if (name, found) in self.running else "STOPPED"
            schedule |= {"scheduleState": {"id": f"{name}/{found}", "status": state, "instigationType": "SCHEDULE"}}
            repository = {"name": "__repository__", "jobs": [], "schedules": [schedule], "sensors": [], "assetNodes": []}
            found = {
                "__typename": "RepositoryLocation",
                "serverId": "1",
                "dagsterLibraryVersions": [],
                "repositories": [repository],
            }
        shown = [{"key": "socket", "value": socket}]
        return {"name": name, "displayMetadata": shown, "locationOrLoadError": found}

    def ask(self, query, **variables):
        name = variables.get("name")
        kind = next(k for k in ("reloadWorkspace", "reloadRepositoryLocation", "workspaceOrError", "instigationStatesOrError",
                                "startSchedule", "stopRunningSchedule") if k in query)  # fmt: skip
        self.log.append(kind)
        if kind == "reloadWorkspace":
            entries = [e["grpc_server"] for e in yaml.safe_load(self.workspace.read_text())["load_from"]]
            self.known = {e["location_name"]: e["socket"] for e in entries}
            return {kind: {"__typename": "Workspace"}}
        if kind == "reloadRepositoryLocation":
            if name in self.refused:
                raise utils.DagsterError(f"no reload of {name}")
            answers = self.servers.get(self.known[name], [None])
            answers[:] = answers[1:] or answers
            return {kind: {"__typename": "WorkspaceLocationEntry"}}
        if kind == "workspaceOrError":
            return {kind: {"__typename": "Workspace", "locationEntries": [self._entry(*item) for item in self.known.items()]}}
        if kind == "instigationStatesOrError":
            states = [{"id": f"{place}/{name}", "name": name, "status": "RUNNING", "instigationType": "SCHEDULE",
                       "repositoryLocationName": place} for place, name in sorted(self.running)]  # fmt: skip
            return {kind: {"__typename": "InstigationStates", "results": states}}
        if kind == "startSchedule":
            selector = variables["selector"]
            self.running.add((selector["repositoryLocationName"], selector["scheduleName"]))
        else:
            self.running.discard(tuple(variables["id"].split("/")))
        return {kind: {"__typename": "ScheduleStateResult"}}


@pytest.fixture
def dagster(tmp_path, monkeypatch):
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    double = Dagster(workspace)
    monkeypatch.setattr(utils.Dagster, "ask", lambda _self, query, **variables: double.ask(query, **variables))
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    return double


def item(name: str, **options) -> dict:
    return {"name": name, "socket": f"/run/{name}.sock", **options}


@pytest.fixture
def locations(module, dagster):
    """Runs the module; its result, and those of the items by name."""

    def run(*items, **options):
        options = {"workspace": str(dagster.workspace), "timeout": 0, **options}
        done = module(dagster_code_location.main, aggregate=list(items), **options)
        return done, {i["name"]: i for i in done.get("results", [])}

    return run


@pytest.fixture
def schedules(module, dagster):
    return functools.partial(module, dagster_schedule.main, timeout=0)


def test_many_come_with_one_reading_of_the_workspace(locations, dagster):
    dagster.servers = {"/run/a.sock": ["daily"], "/run/b.sock": ["hourly"]}
    predicted, _ = locations(item("a"), item("b"), check=True)
    assert (dagster.known, dagster.workspace.read_text()) == ({}, "load_from: []\n")
    done, items = locations(item("a"), item("b"))
    assert (predicted["changed"], predicted["diff"]) == (done["changed"], done["diff"])
    assert dagster.log.count("reloadWorkspace") == 1
    assert (items["a"]["schedules"], items["b"]["schedules"]) == (["daily"], ["hourly"])
    dagster.log.clear()
    again, items = locations(item("a"), item("b"))
    assert not again["changed"]
    # Asked again, so that a restarted code server is seen.
    assert dagster.log.count("reloadRepositoryLocation") == 2
    assert "reloadWorkspace" not in dagster.log


def test_broken_code_is_its_own_fault(locations, dagster):
    broken = {"__typename": "PythonError", "className": "ImportError", "message": "no such module", "stack": [], "errorChain": []}
    dagster.servers = {"/run/a.sock": [broken], "/run/b.sock": ["hourly"]}
    done, items = locations(item("a"), item("b"), item("c", host="h", port=1))
    assert not done["failed"]
    assert items["a"]["msg"] == "code location a can't be loaded: no such module"
    assert (items["b"]["failed"], items["b"]["changed"]) == (False, True)
    assert "mutually exclusive" in items["c"]["msg"]
    assert set(dagster.known) == {"a", "b"}
    # Registered as given by now: it is told all the same.
    for check in (True, False):
        assert locations(item("a"), item("b"), check=check)[1]["a"]["failed"]


def test_code_servers_that_are_starting_are_waited_for_side_by_side(locations, dagster):
    dagster.servers = {"/run/a.sock": [UNREACHABLE, UNREACHABLE, "daily"], "/run/b.sock": [UNREACHABLE, "hourly"]}
    began = time.monotonic()
    _done, items = locations(item("a"), item("b"), item("never"), timeout=1)
    assert {name: i["failed"] for name, i in items.items()} == {"a": False, "b": False, "never": True}
    assert items["never"]["msg"].endswith("Is it running at /run/never.sock?")
    assert time.monotonic() - began < 10


def test_one_that_can_not_be_asked_again_holds_up_no_other(locations, dagster):
    dagster.servers = {"/run/a.sock": ["daily"], "/run/b.sock": ["hourly"]}
    locations(item("a"), item("b"))
    dagster.refused = {"a"}
    done, items = locations(item("a"), item("b"))
    assert not done["failed"]
    assert (items["a"]["failed"], items["a"]["msg"]) == (True, "no reload of a")
    assert (items["b"]["failed"], items["b"]["schedules"]) == (False, ["hourly"])
    # Nor one that was starting by then.
    dagster.servers |= {"/run/c.sock": [UNREACHABLE], "/run/d.sock": [UNREACHABLE, "daily"]}
    dagster.refused = {"c"}
    _done, items = locations(item("c"), item("d"), timeout=1)
    assert (items["c"]["msg"], items["d"]["failed"]) == ("no reload of c", False)


def test_many_go_and_nothing_of_theirs_goes_on_running(locations, dagster):
    dagster.servers = {f"/run/{name}.sock": ["daily"] for name in "abc"}
    locations(item("a"), item("b"), item("c"))
    dagster.running = {("a", "daily"), ("c", "daily")}
    _done, items = locations({"name": "a"}, {"name": "b"}, state="absent")
    assert [items[name]["changed"] for name in "ab"] == [True, True]
    assert (set(dagster.known), dagster.running) == ({"c"}, {("c", "daily")})
    assert dagster.log.index("stopRunningSchedule") < len(dagster.log) - 1 - dagster.log[::-1].index("reloadWorkspace")
    assert not locations({"name": "a"}, {"name": "b"}, state="absent")[0]["changed"]


def test_schedules(locations, schedules, dagster):
    dagster.servers = {f"/run/{name}.sock": ["daily"] for name in "ab"}
    locations(item("a"), item("b"))
    dagster.running = {("b", "daily")}
    given = [{"location": name, "name": "daily"} for name in ("a", "b", "nowhere")] + [{"location": "a", "name": "hourly"}]
    predicted = schedules(aggregate=given, check=True)
    assert dagster.running == {("b", "daily")}
    done = schedules(aggregate=given)
    assert predicted["results"] == done["results"]
    assert [(i["changed"], i["failed"]) for i in done["results"]] == [(True, False), (False, False), (False, True), (False, True)]
    assert done["results"][2]["msg"] == "Dagster has no code location nowhere; it has a, b"
    assert done["results"][3]["msg"] == "code location a has no schedule hourly; it has daily"
    assert done["results"][0]["cron"] == "0 5 * * *"
    assert dagster.running == {("a", "daily"), ("b", "daily")}
    # Also one whose code is gone.
    locations({"name": "b", "socket": "/run/gone.sock"})
    assert [i["changed"] for i in schedules(aggregate=given[:2], state="stopped")["results"]] == [True, True]
    assert dagster.running == set()


def test_a_webserver_that_does_not_answer_fails_the_module(locations, schedules, monkeypatch):
    def lost(*_arguments, **_options):
        raise utils.NotAnswering("Dagster does not answer")

    monkeypatch.setattr(utils.Dagster, "ask", lost)
    assert (locations(item("a"))[0]["failed"], schedules(aggregate=[{"location": "a", "name": "b"}])["failed"]) == (True, True)


def test_what_code_says_of_its_secrets_is_masked(locations, dagster):
    said = {
        "__typename": "PythonError",
        "className": "ValueError",
        "message": "bad password hunter2!",
        "stack": [],
        "errorChain": [],
    }
    dagster.servers = {"/run/a.sock": [said]}
    done, items = locations(item("a"), hide=["hunter2!"])
    assert "hunter2!" not in str(done)
    assert "bad password ********" in items["a"]["msg"]
