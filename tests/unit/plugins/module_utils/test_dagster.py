# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Dagster's client: what it asks twice, and how it puts what Dagster says."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import (
    HEARTBEAT_DEAD,
    Dagster,
    DagsterError,
    NotAnswering,
    daemon_state,
    failure,
    location_state,
    python_error,
    run_state,
    useful_frame,
)

ANSWERS = json.loads((Path(__file__).parents[1] / "fixtures/dagster_answers.json").read_text(encoding="utf-8"))
FRAMES = [
    '  File "/opt/dagster/lib/python3.11/site-packages/dagster/_core/x.py", line 9, in call\n    f()\n',
    '  File "/srv/code/defs.py", line 3, in <module>\n    import nothing\n',
    '  File "<frozen importlib._bootstrap>", line 241, in _call\n',
]


@contextlib.contextmanager
def server(*answers: tuple[int, str] | None):
    """A webserver that gives these answers, and None is a broken connection; yields its address and what it was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = left.pop(0)
            if answer is None:
                return
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", asked
        http.shutdown()
        thread.join()


def test_an_error_with_http_500_is_read():
    answer = (500, '{"errors": [{"message": "no\\n such field"}], "data": null}')
    with server(answer) as (url, _), pytest.raises(DagsterError, match="Dagster could not answer: no such field"):
        Dagster(url).ask("{ x }")


def test_a_page_that_is_no_dagster():
    with server((403, "<html>")) as (url, _), pytest.raises(DagsterError, match=r"HTTP 403 and no JSON.*log in"):
        Dagster(url).ask("{ x }")


LOST = "(psycopg2.OperationalError) server closed the connection unexpectedly"


@pytest.mark.parametrize(
    "answer",
    [
        (500, json.dumps({"errors": [{"message": LOST}], "data": None})),
        (200, json.dumps({"data": {"x": {"__typename": "PythonError", "className": "OperationalError", "message": LOST}}})),
    ],
)
def test_a_webserver_whose_storage_was_restarted_is_asked_again(answer):
    with server(answer, (200, '{"data": {"x": 1}}')) as (url, asked):
        assert Dagster(url, timeout=5).ask("{ x }") == {"x": 1}
        assert len(asked) == 2
    # It may have been done.
    with server(answer) as (url, asked), pytest.raises(DagsterError, match="server closed the connection"):
        Dagster(url, timeout=5).expect("Y", "mutation { x }")
    with server(answer) as (url, asked), pytest.raises(DagsterError, match="server closed the connection"):
        Dagster(url, timeout=0).expect("Y", "{ x }")


def test_a_query_is_asked_again_and_a_mutation_is_not():
    with server(None, (200, '{"data": {"x": 1}}')) as (url, asked):
        assert Dagster(url, timeout=5).ask("{ x }") == {"x": 1}
        assert len(asked) == 2
    with server(None) as (url, asked):
        with pytest.raises(NotAnswering, match="Is the webserver running there"):
            Dagster(url, timeout=5).ask("mutation { x }")
        assert len(asked) == 1


def test_useful_frame_is_the_users_own():
    assert useful_frame(FRAMES) == "/srv/code/defs.py:3 in <module>: import nothing"
    assert useful_frame(FRAMES[:1]) == ""


def test_python_error_takes_off_what_dagster_wraps_around():
    own = {"className": "ValueError", "message": "ValueError: no\nsuch  day\n", "stack": FRAMES}
    wrapped = {
        "className": "DagsterUserCodeLoadError",
        "message": "Error while loading",
        "stack": [],
        "errorChain": [{"error": own}],
    }
    assert python_error(wrapped) == "ValueError: no such day, at /srv/code/defs.py:3 in <module>: import nothing"


def test_python_error_of_dbt_is_what_dbt_said():
    said = (
        "The dbt CLI process with command\n\n`dbt build`\n\nfailed.\n\nErrors parsed from dbt logs:\n\nDatabase Error in model a"
    )
    error = {"className": "DagsterDbtCliRuntimeError", "message": said, "stack": [], "errorChain": []}
    assert python_error(error) == "Database Error in model a"


def test_location_that_is_not_loaded_yet():
    state = location_state({"name": "a", "displayMetadata": [], "locationOrLoadError": None})
    assert state["error"]
    assert not state["reachable"]


@pytest.mark.parametrize(("age", "alive"), [(0, True), (HEARTBEAT_DEAD, True), (HEARTBEAT_DEAD + 1, False), (None, False)])
def test_daemon_without_a_heartbeat_is_dead(age, alive):
    status = {"daemonType": "SCHEDULER", "required": True, "lastHeartbeatErrors": []}
    status["lastHeartbeatTime"] = None if age is None else 1000 - age
    state = daemon_state(status, 1000)
    assert (state["alive"], state["age"]) == (alive, age)


def test_steps_in_the_order_of_their_start():
    steps = [("b", "IN_PROGRESS", 7, None), ("c", "SKIPPED", None, None), ("a", "SUCCESS", 2, 5.5)]
    run = {
        "runId": "r",
        "jobName": "j",
        "repositoryOrigin": None,
        "status": "STARTED",
        "creationTime": 0,
        "startTime": 1,
        "endTime": None,
    }
    run["stepStats"] = [dict(zip(("stepKey", "status", "startTime", "endTime"), step, strict=True)) for step in steps]
    state = run_state(run, 10)
    assert state["seconds"] == 9
    assert [(s["name"], s["seconds"]) for s in state["steps"]] == [("a", 3.5), ("b", 3), ("c", 0)]


def event(kind: str, message: str = "", step: str | None = None, error: dict | None = None) -> dict:
    """An event of a run."""
    return {"__typename": kind, "message": message, "stepKey": step, "error": error}


def test_failure_names_all_failed_steps():
    error = {"className": "KeyError", "message": "KeyError: 'x'", "stack": [], "errorChain": []}
    events = [event("ExecutionStepFailureEvent", step=name, error=error) for name in ("a", "c", "b")]
    assert str(failure(events)) == "failed in step a: KeyError: 'x' (steps that failed as well: b, c)"


def test_failure_before_any_step():
    """As recorded for a location that the daemon did not know."""
    message = "dagster._core.errors.DagsterCodeLocationNotFoundError: Location late does not exist in workspace\n"
    error = {"className": "DagsterCodeLocationNotFoundError", "message": message, "stack": [], "errorChain": []}
    events = [
        event("RunStartingEvent"),
        event("EngineEvent", "Caught an unrecoverable error while dequeuing the run.", error=error),
        event("RunFailureEvent", "This run has been marked as failed from outside the execution context."),
    ]
    told = failure(events)
    assert told.kind == "DagsterCodeLocationNotFoundError"
    assert str(told).startswith("failed before its first step: ")
    assert "Location late does not exist in workspace" in str(told)


def test_failure_of_a_killed_worker():
    events = next(said["data"]["logsForRun"]["events"] for said in ANSWERS["killed"] if "logsForRun" in said["data"])
    assert str(failure(events)).startswith("failed outside of its steps: Run execution process for ")
    assert "SIGKILL" in str(failure(events))


def test_failure_without_a_reason_and_on_purpose():
    assert str(failure([event("RunFailureEvent")])) == "failed before its first step: Dagster gives no reason"
    assert str(failure([event("RunCanceledEvent")])) == "was cancelled"
