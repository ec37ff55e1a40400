# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The Dagster modules in conversations that tests/contract/test_dagster_contract.py recorded with Dagster 1.13.27."""

import contextlib
import importlib
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foss_data.platform.plugins.module_utils import dagster as utils
from ansible_collections.foss_data.platform.plugins.modules import dagster_run

ANSWERS = json.loads((Path(__file__).parents[1] / "fixtures/dagster_answers.json").read_text(encoding="utf-8"))
EXAMPLE = "/srv/example/example.sock"


@pytest.fixture
def talk(monkeypatch, tmp_path):
    """Run a module in a recorded conversation: ``talk(conversation, module, options)`` is what it says."""
    left, last = {}, {}
    monkeypatch.setattr(dagster_run, "INTERVAL", 0)
    monkeypatch.setattr("os.path.realpath", lambda path, **_: path)

    def talk(conversation: str, module: str, check: bool = False, **args) -> dict:
        said = left.setdefault(conversation, list(ANSWERS[conversation]))

        def ask(_, query, **variables):
            variables = json.loads(json.dumps(variables))
            # What was answered alike several times on end is recorded once.
            if not said or (said[0]["query"], said[0]["variables"]) != (query, variables):
                said.insert(0, last[conversation])
            recorded = last[conversation] = said.pop(0)
            assert (query, variables) == (recorded["query"], recorded["variables"]), "record anew: FDP_RECORD=1"
            return recorded["data"]

        monkeypatch.setattr(utils.Dagster, "ask", ask)
        main = importlib.import_module(f"ansible_collections.foss_data.platform.plugins.modules.{module}").main
        out = io.StringIO()
        args = {**args, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(args), contextlib.redirect_stdout(out), pytest.raises(SystemExit):
            main()
        return json.loads(out.getvalue())

    return talk


@pytest.fixture
def workspace(tmp_path) -> Path:
    """A workspace file without entries."""
    path = tmp_path / "workspace.yaml"
    path.write_text("load_from: []\n")
    return path


@pytest.fixture
def location(talk, workspace):
    """What dagster_code_location says."""

    def location(conversation: str, name: str, check: bool = False, **args) -> dict:
        args = {"timeout": 0, "workspace": str(workspace), **args}
        return talk(conversation, "dagster_code_location", check, name=name, **args)

    return location


def test_location_comes_stays_and_goes(location, workspace):
    made = location("made", "place", socket=EXAMPLE)
    assert made["changed"], made
    assert f"socket: {EXAMPLE}" in workspace.read_text()
    assert made["jobs"] == ["division", "everything", "waiting"]
    assert made["assets"] == ["first", "second"]
    assert made["diff"]["before"] == ""
    for check in (True, False):
        again = location("again", "place", check, socket=EXAMPLE)
        assert not again["changed"]
        assert again["server_id"] == made["server_id"]
    removed = location("removed", "place", state="absent")
    assert removed["changed"]
    assert "- nightly\n- watcher\n" in removed["diff"]["before"]
    assert removed["diff"]["after"] == ""
    assert workspace.read_text() == "load_from: []\n"


def test_removed_in_the_order_that_leaves_nothing_running():
    asked = [said["query"] for said in ANSWERS["removed"]]
    order = [call for query in asked for call in ("stopRunningSchedule", "stopSensor", "reloadWorkspace") if call in query]
    assert sorted(order[:2]) == ["stopRunningSchedule", "stopSensor"]
    assert order[2:] == ["reloadWorkspace"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("syntax", "code location syntax can't be loaded: "),
        ("missing", "code location missing can't be loaded: ModuleNotFoundError: No module named 'there_is_no_such_module'"),
    ],
)
def test_broken_code(location, name, told):
    broken = location(name, name, socket=f"/srv/example/{name}.sock")
    assert broken["failed"]
    assert broken["msg"].startswith(told)
    assert f"/srv/example/code/{name}.py" in broken["msg"]
    assert "\n" not in broken["msg"]


def test_nobody_listens(location, workspace):
    workspace.write_text(f"load_from:\n- grpc_server: {{socket: {EXAMPLE}, location_name: place}}\n")
    moved = location("moved", "place", socket="/srv/example/nobody.sock")
    assert moved["msg"].startswith("code location place: its code server does not answer")
    assert moved["msg"].endswith("Is it running at /srv/example/nobody.sock?")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "state is present but any of the following are missing: socket, host"),
        ({"host": "h"}, "parameters are required together: host, port"),
        ({"socket": "/s", "host": "h", "port": 1}, "mutually exclusive"),
        ({"socket": "/" + "s" * 107}, "at most 107 bytes"),
        ({"socket": "/s", "workspace": "/nowhere/workspace.yaml"}, "No such file or directory: '/nowhere/workspace.yaml'"),
    ],
)
def test_bad_options(location, args, told):
    assert told in location("made", "place", **args)["msg"]


def test_text_that_is_no_workspace(location, workspace):
    workspace.write_text("load_from: [\n")
    assert "is not YAML" in location("made", "place", socket=EXAMPLE)["msg"]


def test_schedule(talk):
    started = talk("started", "dagster_schedule", location="example", name="nightly")
    assert started["changed"]
    assert started["diff"] == {"before": "example/nightly: stopped\n", "after": "example/nightly: running\n"}
    assert (started["cron"], started["timezone"]) == ("0 3 * * *", "Europe/Oslo")
    assert talk("stopped", "dagster_schedule", location="example", name="nightly", state="stopped")["changed"]


def test_run(talk):
    args = {"location": "example", "job": "everything", "assets": ["first"], "tags": {"reason": "test", "number": 3}}
    done = talk("some assets", "dagster_run", **args)
    assert done["status"] == "SUCCESS"
    assert [(step["name"], step["status"]) for step in done["steps"]] == [("first", "SUCCESS")]


def test_run_in_check_mode_launches_nothing(talk):
    args = {"location": "example", "job": "everything", "assets": ["first"], "tags": {"reason": "test", "number": 3}}
    predicted = talk("some assets", "dagster_run", True, **args)
    assert predicted["changed"]
    assert "run_id" not in predicted


def test_run_that_fails(talk):
    config = {"ops": {"divide": {"config": {"divisor": 0}}}}
    failed = talk("fails", "dagster_run", location="example", job="division", run_config=config)
    assert (
        f"run {failed['run_id']} of job division failed in step divide: ZeroDivisionError: division by zero, at " in failed["msg"]
    )
    assert failed["changed"]


@pytest.mark.parametrize(
    ("heartbeat", "options", "told"),
    [
        (0, {"wait_timeout": 0}, "stays in the queue, behind 1 runs in progress ("),
        (100, {"wait_timeout": 0}, "stays in the queue since nobody takes runs from it: start dagster-daemon"),
        # The daemon may be starting, so it gets `timeout`; nobody waits for the whole `wait_timeout`.
        (
            100,
            {"timeout": 0, "wait_timeout": 5},
            "within 0 seconds and stays in the queue since nobody takes runs from it: start dagster-daemon",
        ),
    ],
)
def test_run_in_a_queue(talk, monkeypatch, heartbeat, options, told):
    launch = next(said for said in ANSWERS["queued"] if "launchRun" in said["query"])
    health = next(said["data"]["instance"] for said in ANSWERS["queued"] if "daemonHealth" in said["query"])
    last = max(daemon["lastHeartbeatTime"] for daemon in health["daemonHealth"]["allDaemonStatuses"])
    monkeypatch.setattr(utils, "time", SimpleNamespace(time=lambda: last + heartbeat))
    config = launch["variables"]["params"]["runConfigData"]
    queued = talk("queued", "dagster_run", location="example", job="waiting", run_config=config, **options)
    assert queued["status"] == "QUEUED"
    assert told in queued["msg"]


def test_unknown_names(talk):
    run = talk("fails", "dagster_run", location="example", job="nope")
    assert run["msg"] == "code location example has no job nope; it has division, everything, waiting"
    schedule = talk("started", "dagster_schedule", location="example", name="hourly")
    assert schedule["msg"] == "code location example has no schedule hourly; it has nightly"


def test_info(talk):
    found = talk("info", "dagster_info", runs=2)
    assert found["version"] == "1.13.27"
    assert "example" in [location["name"] for location in found["locations"]]
    assert len(found["runs"]) == 2
