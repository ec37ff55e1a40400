# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Who may do what in Dagster's webserver, held against a real one of the platform's version with the guard in it."""

import contextlib
import os
import socket
import subprocess
from pathlib import Path

import pytest
import requests
from ansible_collections.foss_data.platform.tests.deployed import until
from ansible_collections.foss_data.platform.tests.websocket import Refused, open_websocket, receive, send

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.append(sys.argv.pop(1)); import guard; guard.install(); from dagster_webserver.cli import main; main()"
)
SECRET = "a secret of the gateway's"
READS = {"X-Gateway-Secret": SECRET, "X-Gateway-Access": "read", "X-Forwarded-User": "vera"}
CHANGES = READS | {"X-Gateway-Access": "change"}
LOCAL: dict[str, str] = {}
QUESTION = "query Q { version }"
# One that leaves a trace.
MUTATION = 'mutation M { setConcurrencyLimit(concurrencyKey: "%s", limit: 3) }'
KEYS = "{ instance { concurrencyLimits { concurrencyKey } } }"


@pytest.fixture(scope="module")
def webserver(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (folder / "workspace.yaml").write_text("load_from: []\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [programs / "python", "-P", "-c", START, ROOT / "roles/dagster/files"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workspace", folder / "workspace.yaml"]
    known = {**os.environ, "DAGSTER_HOME": str(folder), "GATEWAY_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "log").open("w") as log, subprocess.Popen([*command, *options], env=known, stdout=log, stderr=log) as process:

        def answers() -> bool:
            with contextlib.suppress(requests.exceptions.ConnectionError):
                return requests.get(f"http://127.0.0.1:{port}/server_info", timeout=5).ok
            return False

        try:
            until(answers, 60)
            yield port
        finally:
            process.terminate()


@pytest.fixture
def ask(webserver):
    def run(method: str, path: str, headers: dict, **options) -> requests.Response:
        return requests.request(method, f"http://127.0.0.1:{webserver}{path}", headers=headers, timeout=30, **options)

    return run


@pytest.fixture
def over_websocket(webserver):
    def run(query: str, headers: dict) -> dict:
        with socket.create_connection(("127.0.0.1", webserver), timeout=30) as connection:
            open_websocket(
                connection, "127.0.0.1", "/graphql", "graphql-ws", **{k.replace("-", "_"): v for k, v in headers.items()}
            )
            send(connection, {"type": "connection_init"})
            assert receive(connection) == {"type": "connection_ack"}
            send(connection, {"type": "start", "id": "1", "payload": {"query": query}})
            return receive(connection)

    return run


@pytest.fixture
def limited(ask):
    """Names of the limits that there are: what mutations have left."""

    def names() -> set[str]:
        limits = ask("POST", "/graphql", LOCAL, json={"query": KEYS}).json()["data"]["instance"]["concurrencyLimits"]
        return {limit["concurrencyKey"] for limit in limits}

    return names


def test_whoever_may_change_something_does(ask, limited):
    assert ask("POST", "/graphql", CHANGES, json={"query": MUTATION % "changed"}).json() == {
        "data": {"setConcurrencyLimit": True}
    }
    assert ask("POST", "/graphql", LOCAL, json={"query": MUTATION % "local"}).ok
    assert {"changed", "local"} <= limited()


def test_whoever_may_read_asks_what_they_like(ask):
    for answer in (
        ask("POST", "/graphql", READS, json={"query": QUESTION}),
        ask("GET", "/graphql", READS, params={"query": QUESTION}),
        ask("GET", "/", READS),
        # A word in a text is no operation.
        ask("POST", "/graphql", READS, json={"query": '{ pipelineRunOrError(runId: "mutation { x }") { __typename } }'}),
    ):
        assert answer.status_code == 200, answer.text


HIDDEN = [
    {"query": MUTATION},
    {"query": f"#\n{QUESTION}\n{MUTATION}", "operationName": "M"},
    {"query": f"{MUTATION}\n{QUESTION}", "operationName": "M"},
    {"query": f"{MUTATION}\n{QUESTION}", "operationName": "Q"},
    {"query": 'fragment F on Mutation { s: setConcurrencyLimit(concurrencyKey: "%s", limit: 3) } mutation { ...F }'},
    {"query": '\ufeffmutation{setConcurrencyLimit(concurrencyKey:"%s",limit:3)}'},
]


@pytest.mark.parametrize("form", HIDDEN)
@pytest.mark.parametrize("how", ["json", "get", "parameters", "graphql"])
def test_whoever_may_read_changes_nothing(ask, limited, form, how):
    asked = form | {"query": form["query"].replace("%s", "hidden")}
    if how == "json":
        answer = ask("POST", "/graphql", READS, json=asked)
    elif how == "graphql":
        answer = ask("POST", "/graphql", READS | {"Content-Type": "application/graphql"}, data=asked["query"].encode())
    else:
        answer = ask("GET" if how == "get" else "POST", "/graphql", READS, params=asked)
    assert answer.status_code == 403
    assert "ask an administrator" in answer.json()["errors"][0]["message"]
    assert "hidden" not in limited()


def test_several_at_once_are_not_taken(ask, limited):
    """Dagster does not know them; if it learns to, this has to learn it first."""
    assert ask("POST", "/graphql", READS, json=[{"query": MUTATION % "batch"}]).status_code >= 400
    assert "batch" not in limited()


def test_a_websocket_changes_nothing(over_websocket, limited):
    said = over_websocket(MUTATION % "socket", READS)
    assert said["type"] == "error"
    assert "ask an administrator" in said["payload"]["message"]
    assert "socket" not in limited()


@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
def test_what_is_no_graphql_changes_nothing_either(ask, kind):
    path = f"/report_asset_{kind}/an_asset"
    assert ask("POST", path, READS).status_code == 403
    assert ask("POST", path, CHANGES).status_code != 403


def test_dagsters_page_is_told(ask):
    """So that it shows what can't be done as such."""

    def allowed(headers: dict) -> set[bool]:
        answer = ask("POST", "/graphql", headers, json={"query": "{ permissions { permission value } }"})
        return {p["value"] for p in answer.json()["data"]["permissions"] if p["permission"].startswith("launch_")}

    assert (allowed(READS), allowed(CHANGES)) == ({False}, {True})


@pytest.mark.parametrize(
    "headers",
    [
        CHANGES | {"X-Gateway-Secret": "another"},
        CHANGES | {"X-Gateway-Secret": ""},
        {"X-Gateway-Access": "change"},
        {"X-Forwarded-User": "admin"},
        {"X-Remote-User": "admin"},
    ],
)
def test_who_somebody_is_nobody_else_says(ask, over_websocket, headers):
    assert ask("GET", "/server_info", headers).status_code == 403
    assert ask("POST", "/graphql", headers, json={"query": QUESTION}).status_code == 403
    with pytest.raises(Refused, match="403"):
        over_websocket(QUESTION, headers)


def test_what_is_not_known_is_no_change(ask):
    assert ask("POST", "/graphql", READS | {"X-Gateway-Access": "all"}, json={"query": MUTATION % "x"}).status_code == 403
