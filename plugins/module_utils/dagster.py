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

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently

try:
    import requests

    LIBRARY_ERROR = None
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

CONNECTION = {
    "url": {"type": "str", "default": "http://127.0.0.1:3000"},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "timeout": {"type": "int", "default": 60},
}
REPOSITORY = "__repository__"  # the name that Dagster gives to the repository of a Definitions object
HEARTBEAT_DEAD = 90  # seconds; the daemon sends one every 30, and Dagster itself calls it healthy for half an hour
UNREACHABLE = "DagsterUserCodeUnreachableError"
LONGEST = 600  # characters of a message from Python
ERROR = "className message stack errorChain { error { className message stack } }"
LOCATION = (
    "name displayMetadata { key value } locationOrLoadError { __typename ... on PythonError { %s } ... on RepositoryLocation {"
    " serverId dagsterLibraryVersions { name version } repositories { name jobs { name } schedules { name } sensors { name }"
    " assetNodes { assetKey { path } } } } }"
) % ERROR


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
    text = _short(own[0]["message"])
    if len(own) > 1:
        text += f" (caused by {_short(own[-1]['message'])})"
    frame = next(filter(None, (useful_frame(e.get("stack") or []) for e in own)), "")
    return f"{text}, at {frame}" if frame else text


# -- the server


class Dagster:
    """Asks a webserver; every failure is a DagsterError."""

    def __init__(self, url: str, headers: dict | None = None, timeout: float = 60):
        self.url, self.timeout = url.rstrip("/"), timeout
        self.session = requests.Session()
        self.session.headers.update(headers or {})

    def ask(self, query: str, **variables: Any) -> dict:
        """The ``data`` of the answer. Waits for a webserver that is starting.

        Only what was surely not taken is sent again: a mutation whose connection broke half-way is not.
        """
        reads = not query.lstrip().startswith("mutation")

        def untaken(error: Exception) -> bool:
            reason = getattr(error.args[0], "reason", None) if error.args else None
            return isinstance(error, requests.exceptions.ConnectionError) and (reads or "NewConnection" in type(reason).__name__)

        try:
            response = patiently(
                lambda: self.session.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=(5, 120)),
                self.timeout,
                untaken,
            )
        except requests.exceptions.RequestException as error:
            raise NotAnswering(
                f"Dagster does not answer at {self.url}: {_short(str(error))}. Is the webserver running there?"
            ) from error
        try:
            answer = response.json()
            data, errors = answer.get("data"), answer.get("errors")
        except (ValueError, AttributeError) as error:
            raise DagsterError(
                f"{self.url}/graphql answered HTTP {response.status_code} and no JSON: is that the address of a Dagster webserver, "
                "and do you have to log in there?"
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
        raise DagsterError(found.get("message") or found["__typename"], found["__typename"])

    # -- locations

    def locations(self) -> dict[str, dict]:
        """All code locations of the workspace by name, see `location_state`."""
        query = f"{{ workspaceOrError {{ __typename ... on Workspace {{ locationEntries {{ {LOCATION} }} }} ... on PythonError {{ {ERROR} }} }} }}"
        return {entry["name"]: location_state(entry) for entry in self.expect("Workspace", query)["locationEntries"]}

    def reload_workspace(self) -> None:
        """Make the webserver read its workspace file again, which adds and removes locations."""
        self.expect("Workspace", f"mutation {{ reloadWorkspace {{ __typename ... on PythonError {{ {ERROR} }} ... on Error {{ message }} }} }}")

    def reload_location(self, name: str) -> None:
        """Make the webserver ask a location's code server again. What it answers holds stale assets, so ask again."""
        self.expect(
            "WorkspaceLocationEntry",
            "mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {"
            f" __typename ... on PythonError {{ {ERROR} }} ... on Error {{ message }} }} }}",
            name=name,
        )

    # -- schedules and sensors

    def running(self, location: str) -> list[dict]:
        """Schedules and sensors of a location that are stored as running, even if the location is broken or gone."""
        # An id without a selector selects the states of all repositories, which no other query gives.
        query = (
            'query { instigationStatesOrError(repositoryID: "::") { __typename ... on InstigationStates { results { id name status'
            f" instigationType repositoryLocationName }} }} ... on PythonError {{ {ERROR} }} }} }}"
        )
        states = self.expect("InstigationStates", query)["results"]
        return [s for s in states if s["repositoryLocationName"] == location and s["status"] == "RUNNING"]

    def stop(self, state: dict) -> None:
        """Stop a schedule or sensor by its state's id, which works for one whose code is gone too."""
        if state["instigationType"] == "SCHEDULE":
            wanted, call = "ScheduleStateResult", "stopRunningSchedule"
        else:
            wanted, call = "StopSensorMutationResult", "stopSensor"
        self.expect(
            wanted,
            f"mutation($id: String!) {{ {call}(id: $id) {{ __typename ... on PythonError {{ {ERROR} }} ... on Error {{ message }} }} }}",
            id=state["id"],
        )

    # -- daemon

    def daemons(self) -> list[dict]:
        """Health of the parts of the daemon: ``type``, ``required``, ``alive``, ``age`` of the last heartbeat in seconds."""
        query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required lastHeartbeatTime lastHeartbeatErrors { message } } } } }"
        now = time.time()
        return [daemon_state(d, now) for d in self.ask(query)["instance"]["daemonHealth"]["allDaemonStatuses"]]


def location_state(entry: dict) -> dict:
    """A workspace's location in plain types; ``error`` is empty if it is loaded.

    ``loadStatus`` is LOADED for a broken one as well, only the type of ``locationOrLoadError`` tells.
    """
    found = entry.get("locationOrLoadError") or {"__typename": "PythonError", "className": UNREACHABLE, "message": "not loaded yet"}
    state: dict[str, Any] = {
        "name": entry["name"],
        "source": {item["key"]: item["value"] for item in entry["displayMetadata"]},
        "error": "",
        "reachable": True,
        "server_id": "",
        "dagster_version": "",
        "repositories": [],
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
        "repositories": sorted(r["name"] for r in repositories),
        # Dagster's own job that holds all assets is no job of the user's.
        "jobs": sorted(j["name"] for r in repositories for j in r["jobs"] if not j["name"].startswith("__")),
        "schedules": sorted(s["name"] for r in repositories for s in r["schedules"]),
        "sensors": sorted(s["name"] for r in repositories for s in r["sensors"]),
        "assets": sorted("/".join(a["assetKey"]["path"]) for r in repositories for a in r["assetNodes"]),
    }


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


class DagsterModule:
    """Read, compare, apply. A module gives its options, `read`, `wanted` and `apply`."""

    def __init__(self, spec: dict, **rules: Any):
        self.module = AnsibleModule(argument_spec={**CONNECTION, **spec}, supports_check_mode=True, **rules)
        if LIBRARY_ERROR:
            self.module.fail_json(msg=missing_required_lib("requests"), exception=LIBRARY_ERROR)
        self.params = self.module.params
        self.dagster = Dagster(self.params["url"], self.params["headers"], 0 if self.module.check_mode else self.params["timeout"])

    def read(self) -> Any:
        """What there is."""
        raise NotImplementedError

    def wanted(self, before: Any) -> Any:
        """What there should be; the same as ``before`` if nothing is to do."""
        raise NotImplementedError

    def apply(self, before: Any, after: Any) -> None:
        """Make it so."""
        raise NotImplementedError

    def shown(self, state: Any) -> str:
        """The state as text, for the diff."""
        raise NotImplementedError

    def report(self) -> dict:
        """What the module returns beside ``changed`` and ``diff``."""
        return {}

    def run(self) -> None:
        """Do the module's work and leave."""
        try:
            before = self.read()
            after = self.wanted(before)
            if before != after and not self.module.check_mode:
                self.apply(before, after)
            diff = {"before": self.shown(before), "after": self.shown(after)}
            self.module.exit_json(changed=before != after, diff=diff, **self.report())
        except DagsterError as error:
            self.module.fail_json(msg=str(error), **self.report())
