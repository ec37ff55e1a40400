# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The dashboard's pages: what a real Dagster said (recorded by tests/contract), and everything that goes wrong."""

import contextlib
import copy
import json
import os
import re
import socketserver
import struct
import subprocess
import sys
import threading
import tomllib
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from foss_data_dashboard import dagster, services
from foss_data_dashboard.app import OWN_STYLE, STYLESHEET, Dashboard
from foss_data_dashboard.settings import Settings
from lxml import html

RECORDED = json.loads((Path(__file__).parent / "answers.json").read_text())
HOSTILE = "</td><script>alert('1')</script>\"&\\\n\ud800"
SHOWN = "</td><script>alert('1')</script>\"&\\ ?"
METASTORE = struct.pack("!I", 0x80010002) + b"\0\0\0\x09getStatus"


class Web(ThreadingHTTPServer):
    """All of the platform's HTTP services at one address; an answer is a status and a text, or None to hang up."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = copy.deepcopy(RECORDED["said"])
        self.pages = {
            "/server_info": (200, "{}"),
            "/v1/info": (200, '{"starting": false}'),
            "/minio/health/cluster": (200, ""),
            "/graphql": None,
        }
        self.graphql = None
        self.address = f"http://127.0.0.1:{self.server_port}"

    def workspace(self) -> list[dict]:
        """The recorded code locations, to be spoilt."""
        return self.said[0]["answer"]["data"]["workspaceOrError"]["locationEntries"]

    def answer(self, asked: dict) -> tuple[int, str] | None:
        """To a GraphQL query: what was recorded."""
        if self.graphql:
            return self.graphql
        found = [s["answer"] for s in self.said if s["asked"]["query"] == asked["query"]]
        return (200, json.dumps(found[0])) if found else (400, "it was never asked this: record anew")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._say(self.server.pages[self.path])

    def do_POST(self):
        self._say(self.server.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

    def _say(self, answer):
        if answer:
            self.send_response(answer[0])
            self.send_header("Location", "/server_info")
            self.end_headers()
            self.wfile.write(answer[1].encode())

    def log_message(self, *_):
        """Nothing on the screen."""


class Tcp(socketserver.ThreadingTCPServer):
    """Answers what it is given, whatever it is told; None is silence."""

    daemon_threads = True

    def __init__(self, answer: bytes | None):
        super().__init__(("127.0.0.1", 0), _TcpHandler)
        self.answer, self.told, self.done = answer, [], threading.Event()
        self.address = f"tcp://127.0.0.1:{self.server_address[1]}"


class _TcpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.told.append(self.request.recv(1000))
        if self.server.answer is None:
            self.server.done.wait(30)
        else:
            self.request.sendall(self.server.answer)


@contextlib.contextmanager
def running(server):
    """The server, which answers until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def web(monkeypatch):
    """Dagster, Trino and MinIO, at the moment when Dagster was recorded."""
    monkeypatch.setattr(dagster, "time", SimpleNamespace(time=lambda: RECORDED["at"]))
    with running(Web()) as server:
        yield server


@pytest.fixture
def postgresql():
    """It asks for a password."""
    with running(Tcp(b"R\0\0\0\x0c\0\0\0\x05salt")) as server:
        yield server
        server.done.set()


@pytest.fixture
def metastore():
    """It replies."""
    with running(Tcp(METASTORE)) as server:
        yield server
        server.done.set()


@pytest.fixture
def settings(web, postgresql, metastore) -> Settings:
    """Where the doubles are."""
    url = web.address
    return Settings(url, url, url, postgresql.address, metastore.address, timeout=5)


@pytest.fixture
def nowhere(closed_port) -> Settings:
    """Every service is down."""
    url = f"http://127.0.0.1:{closed_port}"
    return Settings(url, url, url, url.replace("http", "tcp"), url.replace("http", "tcp"))


def get(settings: Settings, path: str = "/", method: str = "GET") -> tuple[int, dict, str]:
    """Status, headers and text of an answer, held against the rules of WSGI."""
    environ, said = {"PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "REQUEST_METHOD": method}, {}
    setup_testing_defaults(environ)
    answer = validator(Dashboard(settings))(environ, lambda status, headers: said.update({"": status} | dict(headers)))
    with contextlib.closing(answer):
        text = b"".join(answer).decode()
    return int(said[""].split()[0]), said, text


def rows(page: str, columns: int) -> dict[str, list[str]]:
    """The cells of the page's tables that have so many columns, by their first."""
    found = [[" ".join(c.text_content().split()) for c in row] for row in html.fromstring(page).xpath("//tbody/tr")]
    return {cells[0]: cells[1:] for cells in found if len(cells) == columns}


def faults(settings: Settings) -> dict[str, str]:
    """How services fail, of those that do."""
    status, _, text = get(settings, "/health")
    found = json.loads(text)
    failing = {s["name"]: s["fault"] for s in found["services"] if not s["healthy"]}
    assert found["healthy"] is (not failing)
    assert status == (503 if failing else 200)
    return failing


# -- what there is to see


def test_overview_has_every_pipeline_and_service(settings):
    status, headers, page = get(settings)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    pipelines = rows(page, 5)
    loaded, run, schedule, tick = pipelines["example"]
    assert (loaded, schedule) == ("Loaded", "0 3 * * * Europe/Oslo")
    assert run.startswith("Failed in divide (job division) 20")
    assert re.match(r"20\d\d-\d\d-\d\d 0[12]:00 UTC$", tick)
    assert pipelines["late"][0] == "Broken: ModuleNotFoundError: No module named 'there_is_no_such_module'"
    assert pipelines["late"][1].startswith("Succeeded (job everything) 20")
    assert pipelines["late"][2:] == ["Not known", "Not known"]
    assert [cells[0] for cells in rows(page, 3).values()] == ["Answers"] * 6


def test_failed_steps_and_stopped_schedules_are_told(web, settings):
    run = web.said[1]["answer"]["data"]["r0"]["results"][0]
    run |= {"status": "FAILURE", "jobName": "example", "startTime": 1_700_000_000.2, "endTime": 1_700_000_075.1}
    run["stepStats"] = [
        {"stepKey": key, "status": s} for key, s in (("get", "SUCCESS"), ("load", "FAILURE"), ("check", "FAILURE"))
    ]
    schedule = web.workspace()[0]["locationOrLoadError"]["repositories"][0]["schedules"][0]
    schedule["scheduleState"] = {"status": "STOPPED", "nextTick": None}
    assert rows(get(settings)[2], 5)["example"][1:] == [
        "Failed in load and check 2023-11-14 22:13 UTC, 75 s",
        "0 3 * * * Europe/Oslo (stopped)",
        "None",
    ]


def test_a_pipeline_that_has_never_run(web, settings):
    web.said[1]["answer"]["data"]["r0"]["results"] = []
    assert rows(get(settings)[2], 5)["example"][1] == "None yet"
    assert 'foss_data_pipeline_last_run_success{pipeline="example"}' not in get(settings, "/metrics")[2]


def test_a_run_that_goes_on_has_no_outcome_yet(web, settings):
    web.said[1]["answer"]["data"]["r0"]["results"][0] |= {"status": "STARTED", "endTime": None, "stepStats": []}
    assert rows(get(settings)[2], 5)["example"][1].startswith("Started (job division)")
    metrics = get(settings, "/metrics")[2]
    assert 'foss_data_pipeline_last_run_created_seconds{pipeline="example"} ' in metrics
    assert 'foss_data_pipeline_last_run_success{pipeline="example"}' not in metrics


def test_no_pipeline_yet(web, settings):
    web.workspace().clear()
    status, _, page = get(settings)
    assert (status, rows(page, 5)) == (200, {})
    assert "None is deployed yet." in page


def test_metrics_are_what_the_page_says(settings):
    status, headers, text = get(settings, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = dict(re.findall(r"^(foss_data_\w+\{[^}]*\}) (\S+)$", text, re.MULTILINE))
    assert len(samples) == len([line for line in text.splitlines() if not line.startswith("#")])
    assert all(samples[f'foss_data_service_up{{service="{name}"}}'] == "1.0" for name in rows(get(settings)[2], 3))
    assert samples['foss_data_pipeline_loaded{pipeline="example"}'] == "1.0"
    assert samples['foss_data_pipeline_loaded{pipeline="late"}'] == "0.0"
    assert samples['foss_data_pipeline_last_run_success{pipeline="example"}'] == "0.0"
    assert samples['foss_data_pipeline_last_run_success{pipeline="late"}'] == "1.0"
    assert float(samples['foss_data_pipeline_last_run_duration_seconds{pipeline="late"}']) > 0
    assert samples['foss_data_schedule_running{pipeline="example",schedule="nightly"}'] == "1.0"
    tick = float(samples['foss_data_schedule_next_tick_seconds{pipeline="example",schedule="nightly"}'])
    assert 0 < tick - RECORDED["at"] <= 86400


def test_a_service_that_the_site_does_not_have_is_not_asked_for(settings):
    assert "hive-metastore" not in rows(get(replace(settings, metastore=""))[2], 3)
    assert faults(replace(settings, metastore="")) == {}


# -- hostile input


def test_whatever_pipelines_are_called_or_say_is_text(web, settings):
    names = [entry["name"] for entry in web.workspace()]
    for entry in web.workspace():
        entry["name"] = f"{entry['name']}{HOSTILE}"
        location = entry["locationOrLoadError"]
        if location["__typename"] == "PythonError":
            location |= {"message": HOSTILE, "errorChain": []}
        for repository in location.get("repositories", []):
            for schedule in repository["schedules"]:
                schedule |= {"name": HOSTILE, "cronSchedule": HOSTILE, "executionTimezone": HOSTILE}
    for found in web.said[1]["answer"]["data"].values():
        for run in found["results"]:
            run |= {"status": HOSTILE, "jobName": HOSTILE, "stepStats": [{"stepKey": HOSTILE, "status": "FAILURE"}]}
    _, headers, page = get(settings)
    assert "<script" not in page
    assert set(rows(page, 5)) == {f"{name}{SHOWN}" for name in names}
    assert page.count("alert(&#39;1&#39;)") > len(names) * 3
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    # One line for each sample still: a name can't add one of its own.
    lines = get(settings, "/metrics")[2].splitlines()
    assert all(re.match(r"# |foss_data_\w+\{.*\} \S+$", line) for line in lines)
    assert r'</script>\"&\\\n?"} 1.0' in "\n".join(lines)


def test_a_long_error_is_cut(web, settings):
    broken = next(e for e in web.workspace() if e["locationOrLoadError"]["__typename"] == "PythonError")
    broken["locationOrLoadError"] |= {"className": "SyntaxError", "message": "bad " * 10_000, "errorChain": []}
    text = rows(get(settings)[2], 5)[broken["name"]][0]
    assert len(text) < 700
    assert text.endswith("…")


# -- services that fail


def test_nothing_answers(nowhere):
    status, _, page = get(nowhere)
    assert status == 200
    assert f"Not known</mark>: Dagster does not answer at {nowhere.dagster}/graphql: Connection refused." in page
    told = rows(page, 3)
    assert len(told) == 6
    assert all(re.match(r"Failing: it .*Connection refused\.$", state) for state, _ in told.values())
    assert set(faults(nowhere)) == set(told)
    metrics = get(nowhere, "/metrics")
    assert metrics[0] == 200
    assert metrics[2].count("foss_data_service_up{") == metrics[2].count('"} 0.0\n', 0, metrics[2].index("seconds")) == 6
    assert "pipeline=" not in metrics[2]


@pytest.mark.parametrize(
    ("path", "answer", "service", "told"),
    [
        ("/server_info", (502, ""), "dagster-webserver", "answers HTTP 502 at "),
        ("/server_info", (302, ""), "dagster-webserver", "answers HTTP 302 at "),
        ("/server_info", None, "dagster-webserver", "Remote end closed connection without response"),
        ("/v1/info", (200, '{"starting": true}'), "trino", "is starting up"),
        ("/v1/info", (200, "<html>"), "trino", "is not what answers at "),
        ("/v1/info", (200, "[]"), "trino", "is not what answers at "),
        ("/minio/health/cluster", (503, ""), "minio", "answers HTTP 503 at "),
    ],
)
def test_a_service_that_answers_something_else(path, answer, service, told, web, settings):
    web.pages[path] = answer
    (fault,) = [f for name, f in faults(settings).items() if name == service]
    assert told in fault


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "<html>log in</html>"), "is not what answers at "),
        ((200, "[]"), "is not what answers at "),
        ((200, '{"data": {"workspaceOrError": null, "instance": null}}'), "not as this dashboard knows it"),
        ((500, '{"errors": [{"message": "no such\\nfield"}]}'), "could not answer: no such field"),
        ((500, '{"data": null}'), "could not answer: HTTP 500"),
        ((500, '{"errors": [{}]}'), "is not what answers at "),
    ],
)
def test_a_dagster_that_answers_something_else(answer, told, web, settings):
    web.graphql = answer
    status, _, page = get(settings)
    assert status == 200
    assert told in html.fromstring(page).xpath("string(//section[1])")
    assert list(faults(settings)) == ["dagster-daemon"]


def test_a_workspace_that_can_not_be_read_is_told(web, settings):
    error = {"__typename": "PythonError", "className": "DagsterError", "message": "outer"}
    error["errorChain"] = [{"error": {"className": "OSError", "message": "disk full"}}]
    web.said[0]["answer"]["data"]["workspaceOrError"] = error
    assert "Dagster could not answer: disk full." in get(settings)[2]


def test_code_servers_that_are_not_there_are_told(web, settings):
    first, second = web.workspace()[:2]
    first["locationOrLoadError"] = {"__typename": "PythonError", "className": "DagsterUserCodeUnreachableError", "errorChain": []}
    second["locationOrLoadError"] = None
    told = rows(get(settings)[2], 5)
    assert told[first["name"]][0] == "Broken: its code server does not answer"
    assert told[second["name"]][0] == "Broken: it is not loaded yet"


def test_a_daemon_that_has_gone_quiet(web, settings):
    (statuses,) = [s["answer"]["data"]["instance"] for s in web.said if s["asked"]["query"] == dagster.DAEMONS]
    first, second, *others = statuses["daemonHealth"]["allDaemonStatuses"]
    first |= {"required": True, "lastHeartbeatTime": RECORDED["at"] - dagster.HEARTBEAT_DEAD - 1}
    second |= {"required": False, "lastHeartbeatTime": None}
    assert all(RECORDED["at"] - status["lastHeartbeatTime"] < dagster.HEARTBEAT_DEAD for status in others)
    assert faults(settings) == {"dagster-daemon": f"has sent no heartbeat for 90 s: {first['daemonType']}"}


@pytest.mark.parametrize(
    ("service", "answer", "told"),
    [
        ("postgresql", b"E\0\0\0\x10SFATAL\0C57P03\0Mthe database system is starting up\0\0", "is starting up or shutting down"),
        ("postgresql", b"HTTP/1.1 400 Bad Request\r\n", "is not what answers at tcp://"),
        ("postgresql", b"", "hangs up at tcp://"),
        ("metastore", b"HTTP/1.1 400 Bad Request\r\n", "is not what answers at tcp://"),
        ("metastore", b"", "hangs up at tcp://"),
    ],
)
def test_what_is_not_spoken_over_http(service, answer, told, settings):
    with running(Tcp(answer)) as other:
        (fault,) = faults(replace(settings, **{service: other.address})).values()
    assert fault.startswith(told)


def test_postgresql_that_refuses_the_user_answers(settings):
    with running(Tcp(b"E\0\0\0\x10SFATAL\0C28000\0Mno pg_hba.conf entry\0\0")) as other:
        assert faults(replace(settings, postgresql=other.address)) == {}


def test_a_service_that_hangs_holds_nobody_up_for_long(settings):
    with running(Tcp(None)) as silent:
        url = silent.address.replace("tcp", "http")
        told = faults(replace(settings, trino=url, metastore=silent.address, timeout=0.3))
        silent.done.set()
    assert told == {
        "trino": f"does not answer at {url}/v1/info within 0.3 s",
        "hive-metastore": f"does not answer at {silent.address} within 0.3 s",
    }


# -- the application


def test_other_pages_and_methods(settings):
    status, _, page = get(settings, "/<script>")
    assert (status, "<script" in page) == (404, False)
    status, headers, _ = get(settings, "/", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    status, headers, text = get(settings, "/metrics", "HEAD")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) > 0


def test_a_fault_of_its_own_is_no_trace_on_the_page(settings, monkeypatch, capsys):
    monkeypatch.setattr(services, "states", lambda _: 1 / 0)
    status, _, page = get(settings)
    assert status == 500
    assert "The dashboard failed; its log says why." in page
    assert "ZeroDivisionError" not in page
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_pages_can_be_read_by_everybody(settings):
    """What a screen reader goes by."""
    for path in ("/", "/nowhere"):
        page = html.fromstring(get(settings, path)[2])
        assert page.get("lang") == "en"
        assert page.findtext("head/title").strip()
        assert len(page.findall(".//h1")) == len(page.findall("body/main")) == 1
        for table in page.iter("table"):
            assert {th.get("scope") for th in table.iter("th")} == {"col", "row"}
            heading = table.xpath("ancestor::section")[0].get("aria-labelledby")
            assert page.get_element_by_id(heading).tag == "h2"
        assert not page.xpath("//script | //@style | //@onclick | //meta[@http-equiv]")


# -- settings, and the program


def test_settings_from_the_environment():
    assert Settings.from_environment({}) == Settings()
    given = {"DASHBOARD_DAGSTER": "https://example.org/dag/", "DASHBOARD_METASTORE": "", "DASHBOARD_LISTEN": "tcp://[::1]:80"}
    found = Settings.from_environment(given | {"DASHBOARD_ASSETS": "/opt/pico/current"})
    wanted = {
        "dagster": "https://example.org/dag",
        "metastore": "",
        "listen": "tcp://[::1]:80",
        "assets": "/opt/pico/current",
    }
    assert found == replace(Settings(), **wanted)


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("DASHBOARD_DAGSTER", "127.0.0.1:3000", "http://HOST:PORT"),
        ("DASHBOARD_DAGSTER", "", "http://HOST:PORT"),
        ("DASHBOARD_TRINO", "http://", "http://HOST:PORT"),
        ("DASHBOARD_MINIO", "http://a:port", "http://HOST:PORT"),
        ("DASHBOARD_POSTGRESQL", "tcp://127.0.0.1", "tcp://HOST:PORT"),
        ("DASHBOARD_METASTORE", "http://127.0.0.1:9083", "tcp://HOST:PORT"),
        ("DASHBOARD_LISTEN", "5000", "tcp://HOST:PORT"),
    ],
)
def test_a_wrong_address_is_named(variable, value, wanted):
    with pytest.raises(ValueError, match=f"^{variable} is '{re.escape(value)}', which is no address: say {wanted}$"):
        Settings.from_environment({variable: value})


def program(root, **environment) -> subprocess.Popen:
    """python -m foss_data_dashboard."""
    environment = os.environ | {"PYTHONPATH": str(root / "dashboard")} | environment
    command = [sys.executable, "-m", "foss_data_dashboard"]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_program_serves_pages_and_their_stylesheet(root, tmp_path, nowhere):
    (tmp_path / STYLESHEET).parent.mkdir()
    (tmp_path / STYLESHEET).write_text("main { color: red }")
    given = {"DASHBOARD_LISTEN": "tcp://127.0.0.1:0", "DASHBOARD_ASSETS": str(tmp_path), "DASHBOARD_DAGSTER": nowhere.dagster}
    with program(root, **given) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
            with urllib.request.urlopen(f"{address}/style.css", timeout=10) as answer:
                assert answer.read().decode() == "main { color: red }" + OWN_STYLE
                assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert b"Overview" in answer.read()
        finally:
            process.terminate()


def test_without_assets_there_is_only_the_own_style(settings, tmp_path, monkeypatch):
    (tmp_path / STYLESHEET).parent.mkdir()
    (tmp_path / STYLESHEET).write_text("somebody else's")
    monkeypatch.chdir(tmp_path)
    assert get(settings, "/style.css")[::2] == (200, OWN_STYLE)
    assert get(replace(settings, assets=str(tmp_path / "nowhere")), "/style.css")[0] == 404


def test_the_program_says_in_one_line_why_it_can_not_serve(root, postgresql):
    taken = {"DASHBOARD_LISTEN": postgresql.address}
    for given, told in ((taken, "can't listen on 127.0.0.1"), ({"DASHBOARD_LISTEN": "x"}, "DASHBOARD_LISTEN is 'x'")):
        with program(root, **given) as process:
            out, error = process.communicate(timeout=30)
        assert (process.returncode, out, error.count("\n")) == (1, "", 1)
        assert told in error


def test_its_lock_is_of_what_it_needs(root):
    needs = tomllib.loads((root / "dashboard/pyproject.toml").read_text())["project"]["dependencies"]
    lines = (root / "requirements/dashboard.in").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == needs
