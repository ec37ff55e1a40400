# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Client of the ``dagster_*`` modules: GraphQL over ``requests``, and the frame that they share.

Behaviour that the code relies on was observed with Dagster 1.13.27.
"""

from __future__ import annotations

import re
import time
import traceback
from typing import Any

from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule

try:
    import requests

    LIBRARY_ERROR = None
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

CONNECTION = {
    "url": {"type": "str", "default": "http://127.0.0.1:3000"},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "timeout": {"type": "int", "default": 60},
    # That it is one of Ansible's secrets is all that it is for: Ansible masks it in whatever a module says.
    "hide": {"type": "list", "elements": "str", "default": [], "no_log": True},
}
REPOSITORY = "__repository__"  # the name that Dagster gives to the repository of a Definitions object
HEARTBEAT_DEAD = 90  # seconds; the daemon sends one every 30, and Dagster itself calls it healthy for half an hour
UNREACHABLE = "DagsterUserCodeUnreachableError"
UNKNOWN_TO_DAEMON = "DagsterCodeLocationNotFoundError"
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
IN_PROGRESS = ("STARTING", "STARTED", "CANCELING")
LOST = "OperationalError"  # of psycopg2 and SQLAlchemy: the webserver's connection to its storage broke
LONGEST = 600  # characters of a message from Python
EVENTS = 500  # events of a run that are asked for at once
ERROR = "className message stack errorChain { error { className message stack } }"
FAULT = f"__typename ... on PythonError {{ {ERROR} }} ... on Error {{ message }}"
LOCATION = (
    f"name displayMetadata {{ key value }} locationOrLoadError {{ {FAULT} ... on RepositoryLocation {{"
    " serverId dagsterLibraryVersions { name version } repositories { name jobs { name } schedules { name } sensors { name }"
    " assetNodes { assetKey { path } } } } }"
)


RUN = "runId jobName status creationTime startTime endTime repositoryOrigin { repositoryLocationName }"


class DagsterError(Exception):
    """What Dagster answered in the place of the wanted, as one sentence; ``kind`` is its type or Python class."""

    def __init__(self, message: str, kind: str = ""):
        super().__init__(message)
        self.kind = kind


class NotAnswering(DagsterError):
    """Nobody took the request."""


# -- what Python said


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def useful_frame(stack: list[str]) -> str:
    """The last frame of a stack that is the user's own code, as ``file:line in function: code``; empty if there is none."""
    for frame in reversed(stack):
        match = re.match(r'\s*File "([^"]+)", line (\d+), in (\S+)\n?\s*([^\n]*)', frame)
        if match and not re.search(r"/(site|dist)-packages/|/lib/python3|^<frozen", match.group(1)):
            path, line, function, code = match.groups()
            return f"{path}:{line} in {function}" + (f": {code}" if code else "")
    return ""


def python_error(error: dict) -> str:
    """A ``PythonError`` as one sentence: Dagster's own wrapping taken off, its cause, and the user's frame.

    Args:
        error: ``className``, ``message``, ``stack`` and ``errorChain`` of the error, as GraphQL gives them.
    """
    chain = [error, *(link["error"] for link in error.get("errorChain") or [])]
    if error.get("className") == UNREACHABLE:
        details = re.search(r'details = "(.*?)"\n', chain[-1]["message"])
        return "its code server does not answer" + (f" ({_short(details.group(1))})" if details else "")
    own = [e for e in chain if not (e.get("className") or "").startswith("Dagster")] or chain[-1:]
    # dagster-dbt begins with the command line, which is longer than what dbt said.
    text = _short(own[0]["message"].split("Errors parsed from dbt logs:")[-1])
    if len(own) > 1:
        text += f" (caused by {_short(own[-1]['message'])})"
    frame = next(filter(None, (useful_frame(e.get("stack") or []) for e in own)), "")
    return f"{text}, at {frame}" if frame else text


def lost_storage(response: Any) -> bool:
    """Whether the answer is that the storage did not answer, as it does not once after PostgreSQL was restarted."""
    try:
        answer = response.json()
        said = [e.get("message", "") for e in answer.get("errors") or []]
        said += [f["message"] for f in (answer.get("data") or {}).values() if f.get("__typename") == "PythonError"]
    except (ValueError, AttributeError, TypeError):
        return False
    return any(LOST in text for text in said)


# -- the server


class LostStorageError(Exception):
    """See `lost_storage`."""


class Dagster:
    """Asks a webserver; every failure is a DagsterError."""

    def __init__(self, url: str, headers: dict | None = None, timeout: float = 60):
        self.url, self.timeout = url.rstrip("/"), timeout
        self.session = requests.Session()
        self.session.headers.update(headers or {})

    def ask(self, query: str, **variables: Any) -> dict:
        """The ``data`` of the answer. Waits for a webserver that is starting, or whose storage is.

        Only what was surely not taken is sent again: a mutation whose connection broke half-way is not.
        """
        reads = not query.lstrip().startswith("mutation")
        deadline = time.monotonic() + self.timeout

        def send() -> Any:
            found = self.session.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=(5, 120))
            # When the time is over it is an answer like others.
            if reads and time.monotonic() < deadline and lost_storage(found):
                raise LostStorageError
            return found

        def untaken(error: Exception) -> bool:
            if isinstance(error, LostStorageError):
                return True
            reason = getattr(error.args[0], "reason", None) if error.args else None
            return isinstance(error, requests.exceptions.ConnectionError) and (reads or "NewConnection" in type(reason).__name__)

        try:
            response = patiently(send, self.timeout, untaken)
        except requests.exceptions.RequestException as error:
            raise NotAnswering(
                f"Dagster does not answer at {self.url}: {_short(str(error))}. Is the webserver running there?"
            ) from error
        try:
            answer = response.json()
            data, errors = answer.get("data"), answer.get("errors")
        except (ValueError, AttributeError) as error:
            raise DagsterError(
                f"{self.url}/graphql answered HTTP {response.status_code} and no JSON: is that the address of a Dagster "
                "webserver, and do you have to log in there?"
            ) from error
        # An error may come with HTTP 500, and with data beside it.
        if errors or data is None:
            said = "; ".join(_short(e.get("message", "")) for e in errors or []) or f"HTTP {response.status_code}"
            raise DagsterError(f"Dagster could not answer: {said}")
        return data

    def expect(self, wanted: str, query: str, **variables: Any) -> dict:
        """The only field of the answer, if it is of type ``wanted``; Dagster's other types are errors."""
        (found,) = self.ask(query, **variables).values()
        if found["__typename"] == wanted:
            return found
        if found["__typename"] == "PythonError":
            raise DagsterError(python_error(found), found.get("className") or "")
        if found["__typename"] == "RunConfigValidationInvalid":
            raise DagsterError("the run config is not what the job takes: " + " ".join(e["message"] for e in found["errors"]))
        # Some messages start with the Python class that Dagster raised.
        message = re.sub(r"^dagster[\w.]+: ", "", found.get("message") or found["__typename"])
        raise DagsterError(_short(message), found["__typename"])

    def version(self) -> str:
        """Version of the webserver."""
        return self.ask("{ version }")["version"]

    # -- locations

    def locations(self) -> dict[str, dict]:
        """All code locations of the workspace by name, see `location_state`."""
        found = self.expect(
            "Workspace",
            f"{{ workspaceOrError {{ {FAULT} ... on Workspace {{ locationEntries {{ {LOCATION} }} }} }} }}",
        )
        return {entry["name"]: location_state(entry) for entry in found["locationEntries"]}

    def known(self, name: str) -> dict:
        """A code location that is loaded."""
        return known(self.locations(), name)

    def reload_workspace(self) -> None:
        """Make the webserver read its workspace file again, which adds and removes locations."""
        self.expect("Workspace", f"mutation {{ reloadWorkspace {{ {FAULT} }} }}")

    def reload_location(self, name: str) -> None:
        """Make the webserver ask a location's code server again. What it answers holds stale assets, so ask again."""
        self.expect(
            "WorkspaceLocationEntry",
            f"mutation($name: String!) {{ reloadRepositoryLocation(repositoryLocationName: $name) {{ {FAULT} }} }}",
            name=name,
        )

    # -- schedules and sensors

    def running(self, location: str = "") -> list[dict]:
        """Schedules and sensors that are stored as running, even if their code is broken or gone; of one location, or all."""
        # An id without a selector selects the states of all repositories, which no other query gives.
        states = self.expect(
            "InstigationStates",
            f'{{ instigationStatesOrError(repositoryID: "::") {{ {FAULT} ... on InstigationStates {{ results {{'
            " id name status instigationType repositoryLocationName } } } }",
        )["results"]
        return [s for s in states if s["status"] == "RUNNING" and location in ("", s["repositoryLocationName"])]

    def stop(self, state: dict) -> None:
        """Stop a schedule or sensor by its state's id, which works for one whose code is gone too."""
        if state["instigationType"] == "SCHEDULE":
            wanted, call = "ScheduleStateResult", "stopRunningSchedule"
        else:
            wanted, call = "StopSensorMutationResult", "stopSensor"
        self.expect(wanted, f"mutation($id: String!) {{ {call}(id: $id) {{ {FAULT} }} }}", id=state["id"])

    def schedule(self, location: dict, name: str) -> dict:
        """A schedule of a location: ``cronSchedule``, ``executionTimezone`` and ``scheduleState`` with ``id`` and ``status``."""
        return self.expect(
            "Schedule",
            f"query($selector: ScheduleSelector!) {{ scheduleOrError(scheduleSelector: $selector) {{ {FAULT} ... on Schedule {{"
            " cronSchedule executionTimezone scheduleState { id status instigationType } } } }",
            selector=_schedule_selector(location, name),
        )

    def start_schedule(self, location: dict, name: str) -> None:
        """Start a schedule of a location."""
        self.expect(
            "ScheduleStateResult",
            f"mutation($selector: ScheduleSelector!) {{ startSchedule(scheduleSelector: $selector) {{ {FAULT} }} }}",
            selector=_schedule_selector(location, name),
        )

    def schedules(self) -> dict[str, dict[str, dict]]:
        """All schedules of loaded code by location and name, each as `schedule` gives it, and ``next``, when it is due (time
        stamp; None if it is not)."""
        found = self.expect(
            "Workspace",
            f"{{ workspaceOrError {{ {FAULT} ... on Workspace {{ locationEntries {{ name locationOrLoadError {{ __typename"
            " ... on RepositoryLocation { repositories { schedules { name cronSchedule executionTimezone"
            " scheduleState { id status instigationType } futureTicks(limit: 1) { results { timestamp } } } } } } } } } }",
        )

        def plain(schedule: dict) -> dict:
            due = [tick["timestamp"] for tick in schedule["futureTicks"]["results"]]
            running = schedule["scheduleState"]["status"] == "RUNNING"
            return schedule | {"next": due[0] if due and running else None}

        return {
            entry["name"]: {
                schedule["name"]: plain(schedule)
                for repository in (entry["locationOrLoadError"] or {}).get("repositories") or []
                for schedule in repository["schedules"]
            }
            for entry in found["locationEntries"]
        }

    # -- runs

    def plan(self, location: dict, job: str, assets: list[str] | None, run_config: dict) -> None:
        """Have a run planned by its code server, as a launch does: raises DagsterError if the job does not take these assets or
        this run config. Waits for a code server that is starting, which a launch can't: it may have been taken.
        """
        patiently(
            lambda: self.expect(
                "ExecutionPlan",
                "query($job: PipelineSelector!, $config: RunConfigData) {"
                f' executionPlanOrError(pipeline: $job, mode: "default", runConfigData: $config) {{ {FAULT}'
                " ... on RunConfigValidationInvalid { errors { message } } } }",
                job=_job_selector(location, job, assets),
                config=run_config,
            ),
            self.timeout,
            lambda error: isinstance(error, DagsterError) and error.kind == UNREACHABLE,
        )

    def launch(self, location: dict, job: str, assets: list[str] | None, run_config: dict, tags: dict) -> str:
        """Id of the run that is now in the queue."""
        found = self.expect(
            "LaunchRunSuccess",
            f"mutation($params: ExecutionParams!) {{ launchRun(executionParams: $params) {{ {FAULT}"
            " ... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } } }",
            params={
                "selector": _job_selector(location, job, assets),
                "runConfigData": run_config,
                "executionMetadata": {"tags": [{"key": key, "value": str(value)} for key, value in tags.items()]},
            },
        )
        return found["run"]["runId"]

    def run(self, run_id: str) -> dict:
        """A run, see `run_state`."""
        found = self.expect(
            "Run",
            f"query($id: ID!) {{ runOrError(runId: $id) {{ {FAULT} ... on Run {{ {RUN}"
            " stepStats { stepKey status startTime endTime } } } }",
            id=run_id,
        )
        return run_state(found, time.time())

    def runs(self, limit: int, statuses: tuple[str, ...] = (), location: str = "") -> list[dict]:
        """The last runs, without their steps, newest first; of one location, or all."""
        wanted: dict[str, Any] = {"statuses": statuses} if statuses else {}
        if location:
            # Dagster's own tag: whichever job of it they are of.
            wanted["tags"] = [{"key": ".dagster/repository", "value": f"{REPOSITORY}@{location}"}]
        found = self.expect(
            "Runs",
            "query($filter: RunsFilter, $limit: Int) { runsOrError(filter: $filter, limit: $limit) {"
            f" {FAULT} ... on Runs {{ results {{ {RUN} }} }} }} }}",
            filter=wanted,
            limit=limit,
        )
        now = time.time()
        return [run_state(run, now) for run in found["results"]]

    def delete_run(self, run_id: str) -> None:
        """Take a run out of the history."""
        self.expect("DeletePipelineRunSuccess", f"mutation($id: String!) {{ deleteRun(runId: $id) {{ {FAULT} }} }}", id=run_id)

    def why_failed(self, run_id: str) -> DagsterError:
        """What a run that ended without success says, see `failure`."""
        query = (
            "query($id: ID!, $after: String, $limit: Int) { logsForRun(runId: $id, afterCursor: $after, limit: $limit) {"
            f" {FAULT} ... on EventConnection {{ cursor hasMore events {{ __typename ... on MessageEvent {{ message stepKey }}"
            f" ... on ErrorEvent {{ error {{ {ERROR} }} }} }} }} }} }}"
        )
        events, cursor, more = [], None, True
        while more:
            page = self.expect("EventConnection", query, id=run_id, after=cursor, limit=EVENTS)
            cursor, more = page["cursor"], page["hasMore"]
            events += page["events"]
        return failure(events)

    def why_waiting(self, run: dict) -> str:
        """What a run that has not ended waits for, as the end of a sentence about it."""
        if run["status"] != "QUEUED":
            now = ", ".join(step["name"] for step in run["steps"] if step["status"] == "IN_PROGRESS")
            return f"goes on (in step {now})" if now else f"goes on (it is {run['status']})"
        if not self.takes_runs():
            return "stays in the queue since nobody takes runs from it: start dagster-daemon"
        limits = self.ask("{ instance { runQueueConfig { maxConcurrentRuns tagConcurrencyLimitsYaml } } }")
        limits = limits["instance"]["runQueueConfig"]
        pools = self.ask("query($id: ID!) { runOrError(runId: $id) { ... on Run { allPools } } }", id=run["run_id"])
        pools = pools["runOrError"].get("allPools") or ["none"]
        others = [f"{other['run_id']} of {other['job']}" for other in self.runs(EVENTS, IN_PROGRESS)]
        return (
            f"stays in the queue, behind {len(others)} runs in progress ({listed(others[:3])}); of all runs "
            f"{limits['maxConcurrentRuns']} may be, by tag: {_short(limits['tagConcurrencyLimitsYaml'] or 'no limit')}; "
            f"pools that this run has to get into: {listed(pools)}"
        )

    # -- daemon

    def takes_runs(self) -> bool:
        """Whether somebody takes runs from the queue; true if there is none."""
        return all(d["alive"] or not d["required"] for d in self.daemons() if d["type"] == "QUEUED_RUN_COORDINATOR")

    def daemons(self) -> list[dict]:
        """Health of the parts of the daemon: ``type``, ``required``, ``alive``, ``age`` of the last heartbeat in seconds."""
        found = self.ask(
            "{ instance { daemonHealth { allDaemonStatuses {"
            " daemonType required lastHeartbeatTime lastHeartbeatErrors { message } } } } }"
        )
        now = time.time()
        return [daemon_state(d, now) for d in found["instance"]["daemonHealth"]["allDaemonStatuses"]]


def listed(names) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names)) or "none"


def known(locations: dict[str, dict], name: str) -> dict:
    """The one of ``locations`` that has the name, if it is loaded. Raises DagsterError."""
    if name not in locations:
        raise DagsterError(f"Dagster has no code location {name}; it has {listed(locations)}")
    if locations[name]["error"]:
        raise DagsterError(f"code location {name} can't be loaded: {locations[name]['error']}")
    return locations[name]


def location_state(entry: dict) -> dict:
    """A workspace's location in plain types; ``error`` is empty if it is loaded.

    ``loadStatus`` is LOADED for a broken one as well, only the type of ``locationOrLoadError`` tells.
    """
    not_yet = {"__typename": "PythonError", "className": UNREACHABLE, "message": "not loaded yet"}
    found = entry.get("locationOrLoadError") or not_yet
    state: dict[str, Any] = {
        "name": entry["name"],
        "source": {item["key"]: item["value"] for item in entry["displayMetadata"]},
        "error": "",
        "reachable": True,
        "server_id": "",
        "dagster_version": "",
        "repositories": {"jobs": {}, "schedules": {}},
        "jobs": [],
        "schedules": [],
        "sensors": [],
        "assets": [],
    }
    if found["__typename"] == "PythonError":
        return {**state, "error": python_error(found), "reachable": found.get("className") != UNREACHABLE}
    repositories = found["repositories"]
    versions = {v["name"]: v["version"] for v in found["dagsterLibraryVersions"] or []}
    return {
        **state,
        "server_id": found["serverId"] or "",
        "dagster_version": versions.get("dagster", ""),
        "repositories": {k: {item["name"]: r["name"] for r in repositories for item in r[k]} for k in ("jobs", "schedules")},
        # Dagster's own job that holds all assets is no job of the user's.
        "jobs": sorted(j["name"] for r in repositories for j in r["jobs"] if not j["name"].startswith("__")),
        "schedules": sorted(s["name"] for r in repositories for s in r["schedules"]),
        "sensors": sorted(s["name"] for r in repositories for s in r["sensors"]),
        "assets": sorted("/".join(a["assetKey"]["path"]) for r in repositories for a in r["assetNodes"]),
    }


def _schedule_selector(location: dict, name: str) -> dict:
    return {
        "repositoryLocationName": location["name"],
        "repositoryName": location["repositories"]["schedules"][name],
        "scheduleName": name,
    }


def _job_selector(location: dict, job: str, assets: list[str] | None) -> dict:
    return {
        "repositoryLocationName": location["name"],
        "repositoryName": location["repositories"]["jobs"][job],
        "pipelineName": job,
        "assetSelection": [{"path": key.split("/")} for key in assets] if assets else None,
    }


def run_state(run: dict, now: float) -> dict:
    """A run in plain types, its steps in the order in which they started."""

    def seconds(part: dict) -> float:
        return round((part["endTime"] or now) - part["startTime"], 3) if part["startTime"] else 0.0

    steps = sorted(run.get("stepStats") or [], key=lambda step: step["startTime"] or now)
    return {
        "run_id": run["runId"],
        "job": run["jobName"],
        "location": (run["repositoryOrigin"] or {}).get("repositoryLocationName", ""),
        "status": run["status"],
        "created": run["creationTime"],
        "seconds": seconds(run),
        "steps": [{"name": step["stepKey"], "status": step["status"], "seconds": seconds(step)} for step in steps],
    }


def failure(events: list[dict]) -> DagsterError:
    """Why a run ended without success, as the end of a sentence about it; ``kind`` is the error's Python class.

    Args:
        events: all events of the run, each with ``__typename``, ``message``, ``stepKey`` and ``error`` where it has them.
    """
    steps = [e for e in events if e["__typename"] == "ExecutionStepFailureEvent"]
    if steps:
        error = steps[0]["error"] or {"message": steps[0]["message"]}
        others = f" (steps that failed as well: {listed(e['stepKey'] for e in steps[1:])})" if steps[1:] else ""
        return DagsterError(f"failed in step {steps[0]['stepKey']}: {python_error(error)}{others}", error.get("className") or "")
    if any(e["__typename"] == "RunCanceledEvent" for e in events):
        return DagsterError("was cancelled")
    stepped = any(e["__typename"] == "ExecutionStepStartEvent" for e in events)
    when = "outside of its steps" if stepped else "before its first step"
    told = [e for e in events if e["__typename"] in ("EngineEvent", "RunFailureEvent")]
    errors = [e["error"] for e in told if e.get("error")]
    if errors:
        return DagsterError(f"failed {when}: {python_error(errors[-1])}", errors[-1].get("className") or "")
    # A worker that died is told by an engine event right before the run is marked as failed from outside.
    messages = [e["message"] for e in told if e.get("message") and "from outside the execution context" not in e["message"]]
    reason = re.sub(r"^\[\w+\] ", "", _short(messages[-1])) if messages else "Dagster gives no reason"
    return DagsterError(f"failed {when}: {reason}")


def daemon_state(status: dict, now: float) -> dict:
    """One part of the daemon in plain types; Dagster's ``healthy`` stays true for half an hour after its death."""
    beat = status["lastHeartbeatTime"]
    age = None if beat is None else max(0, round(now - beat))
    return {
        "type": status["daemonType"],
        "required": status["required"],
        "alive": age is not None and age <= HEARTBEAT_DEAD,
        "age": age,
        "errors": [_short(e["message"]) for e in status["lastHeartbeatErrors"]],
    }


# -- the modules' frame


class DagsterModule(ServiceStateModule):
    """What the modules share that ask Dagster or manage something in it."""

    connection, library = CONNECTION, ("requests", LIBRARY_ERROR)

    def connect(self) -> None:
        """As ``dagster``."""
        self.dagster = self.client()

    def client(self) -> Dagster:
        """One of its own; check mode does not wait for what a play has yet to start."""
        patience = 0 if self.module.check_mode else self.params["timeout"]
        return Dagster(self.params["url"], self.params["headers"], patience)

    def fault(self, error: Exception) -> dict | None:
        """What Dagster said, and whether something was done by then."""
        return {"msg": str(error), "changed": self.applied} if isinstance(error, DagsterError) else None
