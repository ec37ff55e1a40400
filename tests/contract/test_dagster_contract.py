# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The Dagster modules against a real Dagster of the platform's version, started here.

Each step runs a module and then asks the webserver itself, not by the code under test. Dagster comes from
requirements/dagster.txt into the user's cache, once per lock. With FDP_RECORD=1 the conversations that the unit tests replay
are recorded anew.
"""

import contextlib
import importlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foss_data.platform.plugins.module_utils import dagster as utils
from ansible_collections.foss_data.platform.tests.deployed import until
from foss_data_dashboard import dagster as dashboard_dagster
from foss_data_dashboard.app import Dashboard
from foss_data_dashboard.client import http
from foss_data_dashboard.settings import Settings
from lxml import html

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements/dagster.txt"
CODE = Path(__file__).parent / "dagster"
ANSWERS = ROOT / "tests/unit/plugins/fixtures/dagster_answers.json"
DASHBOARD_ANSWERS = ROOT / "tests/unit/dashboard/answers.json"
RECORD = os.environ.get("FDP_RECORD") == "1"
PATIENCE = 60  # seconds for something to happen on a slow machine
SETTINGS = {
    "telemetry": {"enabled": False},
    "concurrency": {"runs": {"max_concurrent_runs": 4}, "pools": {"granularity": "run", "default_limit": 1}},
    "run_monitoring": {"enabled": True},
    "run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator", "config": {"dequeue_interval_seconds": 1}},
}


# -- a Dagster


class Dagster:
    """A webserver with a workspace file, its daemon, and code servers."""

    def __init__(self, programs: Path, folder: Path):
        self.programs, self.folder, self.workspace = programs, folder, folder / "workspace.yaml"
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(SETTINGS))
        self.workspace.write_text("# not ours\nload_from: []\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen] = []
        self.recorded: dict[str, list[dict]] = {}

    def start(self, *command, log: str, **environment: str) -> subprocess.Popen:
        """A program of Dagster, in the background."""
        # A shell's background job ignores SIGINT, and Dagster gives SIGTERM whatever SIGINT has.
        process = subprocess.Popen(
            [self.programs / command[0], *map(str, command[1:])],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=(self.folder / log).open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.processes.append(process)
        return process

    def webserver(self) -> None:
        """Start it and wait for its answer."""
        command = ("dagster-webserver", "--host", "127.0.0.1", "--port", self.port, "--workspace", self.workspace)
        self.start(*command, log="webserver.log", DAGSTER_HOME=str(self.home))

        def answers() -> bool:
            with contextlib.suppress(requests.exceptions.ConnectionError):
                return requests.get(f"{self.url}/server_info", timeout=5).ok
            return False

        until(answers, PATIENCE)

    def serve(self, name: str, module: str = "example", ready: bool = True) -> subprocess.Popen:
        """A code server on the socket of that name, with the code of folder ``code``; it is told the instance with each run."""
        process = self.start(
            *("dagster", "api", "grpc", "--socket", self.socket(name), "--module-name", module, "--location-name", name),
            *("--working-directory", self.folder / "code", "--lazy-load-user-code"),
            log=f"{name}.log",
        )
        if ready:
            self.listening(name)
        return process

    def socket(self, name: str) -> Path:
        """Socket of a code server."""
        return self.folder / f"{name}.sock"

    def listening(self, name: str) -> None:
        """Wait until a code server takes connections."""

        def connects() -> bool:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(str(self.socket(name)))
                return True
            return False

        until(connects, PATIENCE)

    def ask(self, query: str, **variables) -> dict:
        """The only field of a GraphQL answer."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30).json()
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    def locations(self) -> dict[str, str]:
        """What the webserver has, and whether it is loaded."""
        found = self.ask(
            "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
        )
        return {e["name"]: e["locationOrLoadError"]["__typename"] for e in found["locationEntries"]}

    def status(self, location: str, name: str = "nightly") -> str:
        """Stored state of a schedule or sensor."""
        states = self.ask(
            '{ instigationStatesOrError(repositoryID: "::") { ... on InstigationStates { results {'
            " name repositoryLocationName status } } } }"
        )["results"]
        return next((s["status"] for s in states if (s["repositoryLocationName"], s["name"]) == (location, name)), "")

    def run(self, run_id: str) -> dict:
        """A run."""
        return self.ask(
            "query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status tags { key value }"
            " stepStats { stepKey status } } } }",
            id=run_id,
        )

    def run_ids(self, location: str) -> list[str]:
        """All runs of a location."""
        runs = self.ask("{ runsOrError { ... on Runs { results { runId repositoryOrigin { repositoryLocationName } } } } }")
        return [r["runId"] for r in runs["results"] if r["repositoryOrigin"]["repositoryLocationName"] == location]

    @contextlib.contextmanager
    def record(self, name: str):
        """Keep what is asked by the code under test, and the answers."""
        kept, ask = self.recorded.setdefault(name, []), utils.Dagster.ask

        def keep(client, query, **variables):
            data = ask(client, query, **variables)
            said = {"query": query, "variables": variables, "data": data}
            if kept[-1:] != [said]:  # a run is looked at again and again
                kept.append(said)
            return data

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(utils.Dagster, "ask", keep)
            yield

    def write_record(self) -> None:
        """Replace the file of recordings, without what belongs to this machine."""
        text = json.dumps(self.recorded, indent=1)
        for path, name in ((self.folder, "/srv/example"), (self.programs.parent, "/opt/dagster"), (sys.base_prefix, "/usr")):
            text = text.replace(str(path), name)
        ANSWERS.write_text(re.sub(r"/tmp/pytest-of-\w+/pytest-\d+/", "/tmp/", text) + "\n")

    def module(self, module: str, check: bool = False, **args) -> dict:
        """What a module says."""
        args = {"url": self.url, "timeout": PATIENCE, **args, "_ansible_check_mode": check, "_ansible_diff": True}
        main = importlib.import_module(f"ansible_collections.foss_data.platform.plugins.modules.{module}").main
        said = io.StringIO()
        with patch_module_args(args), contextlib.redirect_stdout(said), pytest.raises(SystemExit):
            main()
        return json.loads(said.getvalue())

    def location(self, name: str, check: bool = False, **args) -> dict:
        """What dagster_code_location says; present on its socket if nothing else is given."""
        where = {} if args.keys() & {"state", "socket", "host"} else {"socket": str(self.socket(name))}
        return self.module("dagster_code_location", check, **{"name": name, "workspace": str(self.workspace), **where, **args})


@pytest.fixture(scope="module")
def dagster(programs, tmp_path_factory):
    """A Dagster with a code server ``example`` that nobody has registered."""
    dagster = Dagster(programs, tmp_path_factory.mktemp("dagster"))
    shutil.copytree(CODE, dagster.folder / "code", ignore=shutil.ignore_patterns("__pycache__"))
    (dagster.folder / "code/syntax.py").write_text("import dagster\n\ndef broken(:\n    pass\n")
    (dagster.folder / "code/missing.py").write_text("import dagster\nimport there_is_no_such_module\n")
    try:
        for name, module in {"example": "example", "late": "example", "syntax": "syntax", "missing": "missing"}.items():
            dagster.serve(name, module, ready=False)
        dagster.webserver()
        yield dagster
        if RECORD:
            dagster.write_record()
    finally:
        for process in dagster.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def example(dagster) -> Dagster:
    """The Dagster with ``example`` registered, and a daemon that knows it."""
    found = dagster.location("example")
    assert found["jobs"] == ["division", "everything", "waiting"]
    dagster.start("dagster-daemon", "run", "--workspace", dagster.workspace, log="daemon.log", DAGSTER_HOME=str(dagster.home))
    until(lambda: dagster.module("dagster_info")["daemons"][0]["alive"], PATIENCE)
    return dagster


@pytest.fixture(scope="module")
def late(example):
    """A run of a location that the daemon does not know yet, by ansible in the background."""
    assert example.location("late")["changed"]
    command = [Path(sys.executable).parent / "ansible", "localhost", "-m", "foss_data.platform.dagster_run"]
    args = f"url={example.url} location=late job=everything wait_timeout=150"
    # Away from the checkout's ansible.cfg and inventory: as in somebody else's project.
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    env["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "json"
    log = (example.folder / "late.log").open("w")
    with subprocess.Popen([*command, "-a", args], cwd=example.folder, env=env, stdout=log, stderr=subprocess.STDOUT) as process:
        yield process
        process.kill()


# -- code locations


def test_location_comes_moves_and_goes(dagster):
    dagster.listening("example")
    before = dagster.workspace.read_text()

    predicted = dagster.location("place", True, socket=str(dagster.socket("example")))
    assert predicted["changed"]
    assert "example.sock" in predicted["diff"]["after"]
    assert dagster.workspace.read_text() == before
    assert "place" not in dagster.locations()

    with dagster.record("made"):
        made = dagster.location("place", socket=str(dagster.socket("example")))
    assert made["changed"]
    assert made["schedules"] == ["nightly"]
    assert made["sensors"] == ["watcher"]
    assert made["assets"] == ["first", "second"]
    assert made["dagster_version"] == re.search(r"^dagster==(\S+)", LOCK.read_text(), re.M).group(1)
    assert dagster.locations()["place"] == "RepositoryLocation"
    with dagster.record("again"):
        for check in (True, False):
            again = dagster.location("place", check, socket=str(dagster.socket("example")))
            assert not again["changed"], again
        assert again["diff"]["before"] == again["diff"]["after"]

    # Another code server; nobody listens there.
    with dagster.record("moved"):
        moved = dagster.location("place", socket=str(dagster.folder / "nobody.sock"), timeout=1)
    assert moved["failed"]
    assert "its code server does not answer" in moved["msg"]
    assert str(dagster.folder / "nobody.sock") in moved["msg"]
    assert dagster.location("place", socket=str(dagster.socket("example")))["changed"]
    assert dagster.locations()["place"] == "RepositoryLocation"

    # What runs by itself is stopped before the code goes.
    assert dagster.module("dagster_schedule", location="place", name="nightly")["changed"]
    dagster.ask(
        "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }",
        s={"repositoryLocationName": "place", "repositoryName": "__repository__", "sensorName": "watcher"},
    )
    predicted = dagster.location("place", True, state="absent")
    assert predicted["changed"]
    assert "- nightly\n- watcher\n" in predicted["diff"]["before"]
    assert "place" in dagster.locations()
    assert dagster.status("place") == "RUNNING"
    with dagster.record("removed"):
        assert dagster.location("place", state="absent")["changed"]
        assert "place" not in dagster.locations()
    assert dagster.status("place") == dagster.status("place", "watcher") == "STOPPED"
    assert "place" not in dagster.workspace.read_text()
    for check in (True, False):
        assert not dagster.location("place", check, state="absent")["changed"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("syntax", r'/code/syntax\.py", line 3 .*SyntaxError'),
        ("missing", r"No module named 'there_is_no_such_module'.*/code/missing\.py:2"),
    ],
)
def test_broken_code_is_told_each_time(dagster, name, told):
    dagster.listening(name)
    with dagster.record(name):
        first = dagster.location(name)
    assert first["failed"]
    assert first["changed"]
    assert re.search(told, first["msg"]), first["msg"]
    assert dagster.locations()[name] == "PythonError"
    for check in (True, False):
        again = dagster.location(name, check)
        assert again["failed"]
        assert not again["changed"]
        assert again["msg"] == first["msg"]
    run = dagster.module("dagster_run", location=name, job="everything")
    assert "can't be loaded" in run["msg"]
    assert dagster.location(name, state="absent")["changed"]


def test_new_code_of_a_restarted_server(dagster):
    code = dagster.folder / "code/growing.py"
    shutil.copy(CODE / "example.py", code)
    server = dagster.serve("growing", "growing")
    old = dagster.location("growing")
    code.write_text(code.read_text().replace("second", "third"))
    server.kill()  # leaves its socket
    server.wait()
    dagster.serve("growing", "growing", ready=False)
    new = dagster.location("growing")  # waits for one that is starting
    assert new["server_id"] != old["server_id"]
    assert not new["changed"]
    assert new["assets"] == ["first", "third"]
    assert dagster.location("growing", state="absent")["changed"]


def test_workspace_file_of_somebody_else(dagster):
    other = dagster.folder / "other.yaml"
    other.write_text("load_from: []\n")
    said = dagster.location("strange", workspace=str(other), socket=str(dagster.socket("example")))
    assert "is " + str(other) + " the file that it was started with?" in said["msg"]
    said = dagster.location("strange", workspace=str(dagster.folder / "nowhere.yaml"), socket="/x")
    assert "nowhere.yaml" in said["msg"]


def test_what_the_server_refuses(dagster):
    """Why the module reloads the workspace: a location that the webserver does not know can't be reloaded."""
    mutation = 'mutation { reloadRepositoryLocation(repositoryLocationName: "nobody") { __typename } }'
    assert dagster.ask(mutation) == {"__typename": "RepositoryLocationNotFound"}


# -- schedules


def test_schedule(example, late):
    def schedule(check=False, **args):
        return example.module("dagster_schedule", check, **{"location": "example", "name": "nightly", **args})

    assert schedule(True)["changed"]
    assert example.status("example") != "RUNNING"
    with example.record("started"):
        started = schedule()
    assert started["changed"]
    assert (started["cron"], started["timezone"]) == ("0 3 * * *", "Europe/Oslo")
    assert example.status("example") == "RUNNING"
    assert not schedule()["changed"]
    assert schedule(True, state="stopped")["changed"]
    assert example.status("example") == "RUNNING"
    with example.record("stopped"):
        assert schedule(state="stopped")["changed"]
    assert example.status("example") == "STOPPED"
    assert not schedule(state="stopped")["changed"]
    assert schedule(name="hourly")["msg"] == "code location example has no schedule hourly; it has nightly"
    assert schedule(location="nobody")["msg"].startswith("Dagster has no code location nobody; it has example")


def test_schedule_whose_code_is_gone(example):
    example.location("gone", socket=str(example.socket("example")))
    example.module("dagster_schedule", location="gone", name="nightly")
    entries = yaml.safe_load(example.workspace.read_text())["load_from"]
    kept = [e for e in entries if e["grpc_server"]["location_name"] != "gone"]
    example.workspace.write_text(yaml.safe_dump({"load_from": kept}))
    example.ask("mutation { reloadWorkspace { __typename } }")
    assert example.status("gone") == "RUNNING"
    orphan = {"location": "gone", "name": "nightly", "type": "schedule"}
    assert example.module("dagster_info")["orphans"] == [orphan]
    assert example.module("dagster_schedule", location="gone", name="nightly", state="stopped")["changed"]
    assert example.status("gone") == "STOPPED"
    assert example.module("dagster_info")["orphans"] == []


# -- runs


def run(example: Dagster, job: str, check: bool = False, **args) -> dict:
    """What dagster_run says."""
    return example.module("dagster_run", check, location="example", job=job, **args)


def test_run_that_can_not_be(example):
    before = example.run_ids("example")
    for check in (True, False):
        assert run(example, "nope", check)["msg"] == "code location example has no job nope; it has division, everything, waiting"
        assert run(example, "everything", check, assets=["third"])["msg"].endswith("has no asset third; it has first, second")
        bad = run(example, "division", check, run_config={"ops": {"divide": {"config": {"divisor": "x"}}}})
        assert bad["msg"].startswith("the run config is not what the job takes: ")
        assert "root:ops:divide:config:divisor" in bad["msg"]
        assert not bad["changed"]
    predicted = run(example, "everything", True)
    assert predicted["changed"]
    assert "run_id" not in predicted
    assert example.run_ids("example") == before


def test_run_of_some_assets_with_tags(example):
    with example.record("some assets"):
        done = run(example, "everything", assets=["first"], tags={"reason": "test", "number": 3})
    assert done["status"] == "SUCCESS", done
    assert [(s["name"], s["status"]) for s in done["steps"]] == [("first", "SUCCESS")]
    assert done["seconds"] > 0
    stored = example.run(done["run_id"])
    assert stored["stepStats"] == [{"stepKey": "first", "status": "SUCCESS"}]
    tags = {t["key"]: t["value"] for t in stored["tags"]}
    assert (tags["reason"], tags["number"]) == ("test", "3")


def test_run_that_fails(example):
    with example.record("fails"):
        failed = run(example, "division", run_config={"ops": {"divide": {"config": {"divisor": 0}}}})
    assert failed["failed"]
    assert failed["changed"]
    assert failed["msg"].startswith(
        f"run {failed['run_id']} of job division failed in step divide: ZeroDivisionError: division by zero, at "
    )
    assert "/code/example.py:" in failed["msg"]
    assert (failed["steps"][0]["name"], failed["steps"][0]["status"]) == ("divide", "FAILURE")
    assert example.run(failed["run_id"])["status"] == "FAILURE"


def test_run_outlives_its_code_server(example, tmp_path):
    """SIGTERM to the code server alone, as systemd's KillMode=process gives it; and the limit of one run in a pool."""
    config = {"ops": {"wait": {"config": {"folder": str(tmp_path)}}}}
    slow = run(example, "waiting", run_config=config, wait_timeout=0)
    assert slow["failed"]
    assert " and goes on (" in slow["msg"] or " stays in the queue" in slow["msg"]
    until((tmp_path / "pid").exists, PATIENCE)

    with example.record("queued"):
        queued = run(example, "waiting", run_config=config, wait_timeout=2)
    assert "stays in the queue, behind " in queued["msg"]
    assert slow["run_id"] in queued["msg"]
    assert queued["msg"].rstrip(".").endswith("pools that this run has to get into: example"), queued["msg"]

    server = next(p for p in example.processes if "example" in p.args and "api" in p.args)
    server.terminate()
    # It would stay until its runs have ended. systemd kills it after TimeoutStopSec, and its socket stays behind.
    with pytest.raises(subprocess.TimeoutExpired):
        server.wait(3)
    server.kill()
    server.wait()
    example.serve("example", ready=False)
    assert example.location("example")["server_id"]
    assert example.run(slow["run_id"])["status"] == "STARTED"
    (tmp_path / "go").touch()
    for run_id in (slow["run_id"], queued["run_id"]):
        until(lambda run_id=run_id: example.run(run_id)["status"] == "SUCCESS", PATIENCE)


def test_run_whose_worker_is_killed(example, tmp_path):
    """Its code server notices."""
    config = {"ops": {"wait": {"config": {"folder": str(tmp_path)}}}}
    started = run(example, "waiting", run_config=config, wait=False)
    assert started["changed"]
    assert started["status"] in ("QUEUED", "STARTING", "STARTED")
    until((tmp_path / "pid").exists, PATIENCE)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    until(lambda: example.run(started["run_id"])["status"] == "FAILURE", PATIENCE)
    with example.record("killed"):
        said = str(utils.Dagster(example.url).why_failed(started["run_id"]))
    assert "SIGKILL" in said, said
    assert said.startswith("failed outside of its steps: ")


# -- all of it


def test_info(example):
    with example.record("info"):
        found = example.module("dagster_info", runs=2)
    assert not found["changed"]
    assert found["version"] == example.ask("{ version }")
    assert {e["name"]: bool(e["error"]) for e in found["locations"]}["example"] is False
    assert len(found["runs"]) == 2
    schedule = next(s for s in found["schedules"] if s["location"] == "example")
    assert schedule == {
        "location": "example", "name": "nightly", "running": False, "cron": "0 3 * * *", "timezone": "Europe/Oslo"
    }  # fmt: skip
    assert all(d["alive"] for d in found["daemons"] if d["required"])


def test_run_that_the_daemon_drops_at_first(example, late):
    """The daemon reads the workspace once a minute and fails runs of what it does not know."""
    ended = late.wait(150)
    said = (example.folder / "late.log").read_text()
    assert ended == 0, said
    assert '"status": "SUCCESS"' in said
    assert re.findall(r'"run_id": "([^"]+)"', said) == example.run_ids("late")
    assert "Location late does not exist in workspace" in (example.folder / "daemon.log").read_text()


# -- code servers that sleep


def prepared(host, name: str, code: str) -> subprocess.CompletedProcess:
    """Have what a code server would answer recorded, from the folder ``release`` of the host."""
    release = host.folder / "release"
    (release / "pipeline_shared").mkdir(exist_ok=True)
    (release / "pipeline_shared/prepare.py").write_text("def main():\n    print('prepared')\n")
    record = ROOT / "roles/pipeline_host/files/pipeline_record.py"
    arguments = ["--name", name, "--code", code, "--socket", host.folder / f"run/{name}.sock"]
    return subprocess.run([host.python, record, *arguments], cwd=release, capture_output=True, text=True, timeout=PATIENCE)


def code_server(host, name: str, code: str) -> None:
    """A pipeline with the definitions of ``example``, whose code server is Dagster's."""
    release = host.folder / "release"
    (release / "orchestration").mkdir(parents=True)
    shutil.copy(CODE / "example.py", release / "orchestration/definitions.py")
    command = [host.programs / "dagster", "api", "grpc", "--socket", host.socket(name), "--fixed-server-id", code]
    place = ["--module-name", "orchestration.definitions", "--working-directory", release, "--location-name", name]
    host.commands[name] = [*command, *place, "--lazy-load-user-code"]
    host.add(name, code)


def test_a_code_server_is_started_by_work_alone(example, host):
    code_server(host, "sleepy", "first")
    assert "prepared" in prepared(host, "sleepy", "first").stdout
    (host.folder / "state/sleepy").mkdir()
    (host.folder / "release/.answers").rename(host.folder / "state/sleepy/first")
    host.serve(idle=0.5)
    socket = str(host.folder / "run/sleepy.sock")

    # Registered, loaded again, its schedule set to run: nothing of it needs the code server.
    first = example.location("sleepy", socket=socket)
    assert (first["server_id"], first["jobs"]) == ("first", ["division", "everything", "waiting"])
    assert not example.location("sleepy", socket=socket)["changed"]
    assert example.module("dagster_schedule", location="sleepy", name="nightly")["changed"]
    assert host.woken == []

    run = example.module("dagster_run", location="sleepy", job="everything", wait_timeout=150)
    assert run["status"] == "SUCCESS", run
    host.asleep("sleepy")
    assert set(host.woken) == {"sleepy"}

    before = len(host.woken)
    assert example.location("sleepy", socket=socket)["server_id"] == "first"
    assert len(host.woken) == before
    assert example.location("sleepy", state="absent")["changed"]


def test_a_code_server_that_does_not_start_is_told(dagster, host):
    code_server(host, "ill", "first")
    prepared(host, "ill", "first")
    (host.folder / "state/ill").mkdir()
    (host.folder / "release/.answers").rename(host.folder / "state/ill/first")
    host.commands.clear()
    host.ids.clear()
    later = int((time.monotonic() + 3600) * 1e6)
    (host.folder / "said").write_text(f"ActiveState=failed\nResult=exit-code\nInactiveEnterTimestampMonotonic={later}\n")
    host.serve()
    found = dagster.location("ill", socket=str(host.folder / "run/ill.sock"))
    assert found.get("jobs"), found
    failed = dagster.module("dagster_run", location="ill", job="everything")
    assert "pipeline@ill did not start (exit-code); `journalctl -u pipeline@ill` says why" in failed["msg"], failed
    assert dagster.location("ill", state="absent")["changed"]


def test_what_a_code_server_answers_is_what_was_recorded(dagster, host):
    code_server(host, "same", "first")
    assert prepared(host, "same", "first").returncode == 0
    recorded = {file.name: file.read_bytes() for file in (host.folder / "release/.answers").iterdir()}
    # Nothing of it is known to the porter, which remembers what it is told.
    host.serve()
    found = dagster.location("same", socket=str(host.folder / "run/same.sock"))
    assert found.get("jobs"), found
    assert host.woken == ["same"]
    told = {file.name: file.read_bytes() for file in (host.folder / "state/same/first").iterdir()}
    assert {name.split("-")[0] for name in told} == {"ListRepositories", "GetCurrentImage", "ExternalRepository", "ExternalJob"}
    assert told.items() <= recorded.items()
    assert dagster.location("same", state="absent")["changed"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import there_is_no_such_module", "No module named 'there_is_no_such_module'"),
        ("value = 1", "No Definitions, RepositoryDefinition, Job, Pipeline, Graph, or AssetsDefinition found"),
    ],
)
def test_code_that_dagster_cannot_load_is_not_recorded(host, code, told):
    release = host.folder / "release"
    (release / "orchestration").mkdir(parents=True)
    (release / "orchestration/definitions.py").write_text(code)
    done = prepared(host, "broken", "first")
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert not (release / ".answers").exists()


# -- the end: the webserver is killed


def test_dashboard(example, late):
    """Its pages say what Dagster knows: of code that is loaded, and of broken code that has run before."""
    assert late.wait(150) == 0
    for server in [p for p in example.processes if "late" in p.args]:
        server.kill()
        server.wait()
    example.serve("late", "missing", ready=False)
    assert "there_is_no_such_module" in example.location("late")["msg"]
    assert example.module("dagster_schedule", location="example", name="nightly")["changed"]
    assert run(example, "division", run_config={"ops": {"divide": {"config": {"divisor": 0}}}})["failed"]
    dashboard = Dashboard(Settings(dagster=example.url, trino="", minio="", postgresql="", metastore="", timeout=PATIENCE))
    asked = []

    def keep(url, timeout, body):
        status, content = http(url, timeout, body)
        asked.append({"asked": json.loads(body), "answer": json.loads(content)})
        return status, content

    def get(path: str) -> tuple[str, str]:
        said = {}
        (body,) = dashboard({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda status, headers: said.update(status=status))
        return said["status"], body.decode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboard_dagster, "http", keep)
        status, page = get("/")
    if RECORD:
        text = json.dumps({"at": int(time.time()), "said": asked}, indent=1).replace(str(example.folder), "/srv/example")
        DASHBOARD_ANSWERS.write_text(text + "\n")
    assert status == "200 OK"
    cells = [[" ".join(c.text_content().split()) for c in row] for row in html.fromstring(page).xpath("//tbody/tr")]
    pipelines, services = {c[0]: c[1:] for c in cells if len(c) == 5}, {c[0]: c[1] for c in cells if len(c) == 3}
    assert services == {"dagster-webserver": "Answers", "dagster-daemon": "Answers"}
    assert {name for name, location in example.locations().items() if location} == set(pipelines)

    oslo = datetime.now(ZoneInfo("Europe/Oslo"))
    tick = oslo.replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=int(oslo.hour >= 3))
    code, last, schedule, next_run = pipelines["example"]
    assert (code, schedule, next_run) == ("Loaded", "0 3 * * * Europe/Oslo", f"{tick.astimezone(UTC):%Y-%m-%d %H:%M UTC}")
    assert last.startswith("Failed in divide (job division) 20")
    code, last, schedule, next_run = pipelines["late"]
    assert code == "Broken: ModuleNotFoundError: No module named 'there_is_no_such_module'"
    assert re.match(r"Succeeded \(job everything\) 20\d\d-\d\d-\d\d \d\d:\d\d UTC, \d+ s$", last)
    assert (schedule, next_run) == ("Not known", "Not known")

    assert get("/health")[0] == "200 OK"
    status, metrics = get("/metrics")
    for line in (
        'foss_data_pipeline_loaded{pipeline="example"} 1.0',
        'foss_data_pipeline_loaded{pipeline="late"} 0.0',
        'foss_data_pipeline_last_run_success{pipeline="example"} 0.0',
        'foss_data_pipeline_last_run_success{pipeline="late"} 1.0',
        'foss_data_schedule_running{pipeline="example",schedule="nightly"} 1.0',
        f'foss_data_schedule_next_tick_seconds{{pipeline="example",schedule="nightly"}} {tick.timestamp()}',
    ):
        assert line in metrics.splitlines()

    assert example.module("dagster_schedule", location="example", name="nightly", state="stopped")["changed"]
    assert "(stopped)" in get("/")[1]
    for process in [p for p in example.processes if "webserver" in str(p.args[0])]:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    status, page = get("/")
    assert status == "200 OK"
    assert f"Not known</mark>: Dagster does not answer at {example.url}/graphql: Connection refused." in page
    assert get("/health")[0] == "503 Service Unavailable"


def test_nobody_answers():
    dagster = object.__new__(Dagster)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dagster.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        said = dagster.module("dagster_info", True)
    assert said["failed"]
    assert "Is the webserver running there?" in said["msg"]
