# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What Dagster knows of the pipelines, over its GraphQL API. Observed with Dagster 1.13.27.

The Ansible modules' client (plugins/module_utils/dagster.py) needs Ansible, and does much more than is shown here.
"""

from __future__ import annotations

import json
import time
from typing import Any

from foss_data_dashboard.client import NoAnswer, http

HEARTBEAT_DEAD = 90  # seconds; the daemon sends one every 30, and Dagster itself calls it healthy for half an hour
LONGEST = 600  # characters of what Python said
ERROR = "__typename ... on PythonError { className message errorChain { error { className message } } }"
SCHEDULE = "name cronSchedule executionTimezone scheduleState { status nextTick { timestamp } }"
LOCATION = f"{ERROR} ... on RepositoryLocation {{ repositories {{ schedules {{ {SCHEDULE} }} }} }}"
ENTRIES = f"locationEntries {{ name locationOrLoadError {{ {LOCATION} }} }}"
WORKSPACE = f"{{ workspaceOrError {{ {ERROR} ... on Workspace {{ {ENTRIES} }} }} }}"
RUN = "jobName status creationTime startTime endTime stepStats { stepKey status }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required lastHeartbeatTime } } } }"
STRANGE = (LookupError, TypeError, ValueError, AttributeError)  # what it leads to when another one answers


def ask(url: str, timeout: float, query: str, **variables: Any) -> dict:
    """The ``data`` of an answer; raises NoAnswer."""
    status, content = http(f"{url}/graphql", timeout, json.dumps({"query": query, "variables": variables}).encode())
    try:
        answer = json.loads(content)
        # An error may come with HTTP 500, and with data beside it.
        errors, data = answer.get("errors"), answer.get("data")
        if errors or not data:
            raise NoAnswer(f"could not answer: {short(errors[0]['message']) if errors else f'HTTP {status}'}")
        return data
    except STRANGE as error:
        raise NoAnswer(f"is not what answers at {url} (HTTP {status})") from error


def short(text: str) -> str:
    """On one line, and cut where it gets long."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def python_error(error: dict) -> str:
    """What is wrong with a location's code, without Dagster's own wrapping."""
    if error["className"] == "DagsterUserCodeUnreachableError":
        return "its code server does not answer"
    chain = [error, *(link["error"] for link in error["errorChain"])]
    own = [e for e in chain if not (e["className"] or "").startswith("Dagster")] or chain[-1:]
    return short(own[0]["message"])


def pipelines(url: str, timeout: float) -> list[dict]:
    """Every pipeline's ``name``, ``error`` (empty if its code is loaded), ``run`` (the last, or None) and ``schedules``.

    Run and schedules are as GraphQL gives them (`RUN`, `SCHEDULE`); times are in seconds since 1970. Raises NoAnswer.
    """
    try:
        workspace = ask(url, timeout, WORKSPACE)["workspaceOrError"]
        if workspace["__typename"] != "Workspace":
            raise NoAnswer(f"could not answer: {python_error(workspace)}")
        found = [_pipeline(entry) for entry in sorted(workspace["locationEntries"], key=lambda entry: entry["name"])]
        runs = _last_runs(url, timeout, [pipeline["name"] for pipeline in found])
        return [pipeline | {"run": run} for pipeline, run in zip(found, runs, strict=True)]
    except STRANGE as error:
        raise NoAnswer(f"answers at {url}, but not as this dashboard knows it: is it another version?") from error


def _pipeline(entry: dict) -> dict:
    location = entry["locationOrLoadError"]
    if location and location["__typename"] == "RepositoryLocation":
        schedules = [schedule for repository in location["repositories"] for schedule in repository["schedules"]]
        return {"name": entry["name"], "error": "", "schedules": schedules}
    return {"name": entry["name"], "error": python_error(location) if location else "it is not loaded yet", "schedules": []}


def _last_runs(url: str, timeout: float, names: list[str]) -> list[dict | None]:
    """In one question; by the tag that Dagster gives each run, since those of broken code are wanted too."""
    if not names:
        return []
    runs = f"{{ ... on Runs {{ results {{ {RUN} }} }} }}"
    asked = " ".join(f"r{i}: runsOrError(filter: $f{i}, limit: 1) {runs}" for i in range(len(names)))
    tags = {f"f{i}": {"tags": [{"key": ".dagster/repository", "value": f"__repository__@{n}"}]} for i, n in enumerate(names)}
    data = ask(url, timeout, f"query({', '.join(f'${key}: RunsFilter!' for key in tags)}) {{ {asked} }}", **tags)
    return [next(iter(data[f"r{i}"]["results"]), None) for i in range(len(names))]


def daemons(url: str, timeout: float) -> None:
    """Every part of the daemon that is needed has sent a heartbeat; raises NoAnswer."""
    try:
        statuses = ask(url, timeout, DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        now = time.time()
        late = [s["daemonType"] for s in statuses if s["required"] and now - (s["lastHeartbeatTime"] or 0) > HEARTBEAT_DEAD]
    except NoAnswer as error:
        raise NoAnswer(f"can't be asked for: the webserver {error}") from error
    except STRANGE as error:
        raise NoAnswer("can't be asked for: the webserver answers, but not as this dashboard knows it") from error
    if late:
        raise NoAnswer(f"has sent no heartbeat for {HEARTBEAT_DEAD} s: {', '.join(sorted(late))}")
