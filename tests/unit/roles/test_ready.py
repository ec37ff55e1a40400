# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The readiness probes, each against a little server that is not ready and then is."""

import base64
import contextlib
import datetime
import http.server
import importlib.util
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def ready(root):
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("ready", root / "roles" / "base" / "files" / "ready.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wait(ready, monkeypatch, capsys):
    """Runs the program; returns its exit code and its message. Between two attempts `then` is called, in the place of a pause."""

    def run(*arguments: str, timeout: float = 20, then=lambda: None) -> tuple[int, str]:
        pauses = iter([then])
        monkeypatch.setattr(ready.time, "sleep", lambda seconds: next(pauses, lambda: None)())
        monkeypatch.setattr(sys, "argv", ["ready", "--timeout", str(timeout), *map(str, arguments)])
        code = ready.main()
        return code, capsys.readouterr().err.strip()

    return run


@pytest.fixture
def answers():
    """An HTTP server: a list of (status, body) per path; the last one stays. Its address is under `address`."""
    given = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given.setdefault("logins", []).append(self.headers.get("Authorization"))
            queue = given[self.path]
            status, body = queue.pop(0) if len(queue) > 1 else queue[0]
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *_):
            """Nothing on the screen."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    given["address"], given["server"] = f"http://127.0.0.1:{server.server_address[1]}", server
    yield given
    server.shutdown()
    thread.join()
    server.server_close()


def certificate(folder) -> tuple[str, str]:
    """Files of a certificate for this machine that is its own authority, and of its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, public = datetime.datetime.now(datetime.UTC), key.public_key()
    made = (
        x509.CertificateBuilder(name, name, public, 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return str(folder / "certificate.pem"), str(folder / "key.pem")


@pytest.fixture
def trino(answers, tmp_path, wait, monkeypatch):
    """Waits for Trino, which is that server, over TLS; its certificate is under `authority`."""
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    answers["server"].socket = context.wrap_socket(answers["server"].socket, server_side=True)
    answers |= {"address": answers["address"].replace("http", "https"), "authority": files[0]}
    monkeypatch.setenv("READINESS_PASSWORD", "quite-secret")
    return lambda **options: wait("trino", answers["address"], answers["authority"], **options)


def listen(port: int, backlog: list, reply: bytes | None = None):
    """A server on ``port``; each connection gets ``reply`` after its first bytes. Kept alive in ``backlog``."""
    server = socket.create_server(("127.0.0.1", port))
    backlog.append(server)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                if reply is not None:
                    connection.recv(1000)
                    connection.sendall(reply)
                connection.close()

    threading.Thread(target=serve, daemon=True).start()


@pytest.fixture
def servers():
    opened = []
    yield opened
    for server in opened:
        server.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


# -- http


def test_http_waits_for_a_200(wait, answers):
    answers["/health"] = [(503, "starting"), (200, "fine")]
    assert wait("http", f"{answers['address']}/health") == (0, "")


def test_http_waits_for_the_text(wait, answers):
    answers["/health"] = [(200, "starting up"), (200, "all fine")]
    assert wait("http", f"{answers['address']}/health", "fine") == (0, "")


def test_http_says_what_it_waited_for(wait, answers):
    answers["/health"] = [(200, "starting up")]
    code, message = wait("http", f"{answers['address']}/health", "fine", timeout=0)
    url = f"{answers['address']}/health"
    assert code == 1
    assert message == f"not ready after 0 s: http {url} fine: {url} answers, but without 'fine'"


# -- Trino


def test_trino_is_ready_when_a_worker_has_answered(trino, answers):
    """As Trino 476 does: for a moment after its start there is no node to run a query on."""
    starting = {"error": {"message": "No nodes available to run query"}}
    answers["/v1/statement"] = [(200, starting), (200, {"nextUri": f"{answers['address']}/1"})]
    answers["/1"] = [(200, {"nextUri": f"{answers['address']}/2"})]
    answers["/2"] = [(200, {"data": [[1]]})]
    assert trino() == (0, "")
    login = base64.b64encode(b"readiness:quite-secret").decode()
    assert set(answers["logins"]) == {f"Basic {login}"}


def test_trino_that_is_somebody_else_gets_no_password(trino, answers, tmp_path):
    answers["/v1/statement"] = [(200, {"data": [[1]]})]
    (tmp_path / "other").mkdir()
    answers["authority"] = certificate(tmp_path / "other")[0]
    code, message = trino(timeout=0)
    assert (code, "certificate verify failed" in message, answers.get("logins")) == (1, True, None)
    assert "quite-secret" not in message


def test_trino_that_does_not_know_the_probe(trino, answers):
    answers["/v1/statement"] = [(401, "Unauthorized")]
    assert trino(timeout=0)[1].endswith("HTTP Error 401: Unauthorized")


def test_trino_that_fails_later_in_the_query_is_not_ready(trino, answers):
    answers["/v1/statement"] = [(200, {"nextUri": f"{answers['address']}/1"})]
    answers["/1"] = [(200, {"error": {"message": "No nodes available to run query"}})]
    code, message = trino(timeout=0)
    assert code == 1
    assert message.endswith("No nodes available to run query")


def test_trino_without_a_row_is_not_ready(trino, answers):
    answers["/v1/statement"] = [(200, {"data": []})]
    assert trino(timeout=0)[1].endswith("the query gave no row")


def test_trino_that_is_still_starting_its_front_door(trino, answers):
    answers["/v1/statement"] = [(503, "Trino server is still initializing"), (200, {"data": [[1]]})]
    assert trino() == (0, "")


# -- PostgreSQL

STARTING_UP = b"E\0\0\0\x54SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
ASKS_FOR_PASSWORD = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"
NO_SUCH_USER = b'E\0\0\0\x60SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for user "readiness"\0\0'


@pytest.mark.parametrize("reply", [ASKS_FOR_PASSWORD, NO_SUCH_USER])
def test_postgresql_that_talks_about_the_login_is_ready(wait, servers, free_port, reply):
    listen(free_port, servers, reply)
    assert wait("postgresql", "127.0.0.1", free_port) == (0, "")


@pytest.mark.parametrize("reply", [STARTING_UP, b""])
def test_postgresql_that_is_starting_up_is_not(wait, servers, free_port, reply):
    listen(free_port, servers, reply)
    code, message = wait("postgresql", "127.0.0.1", free_port, timeout=0)
    assert (code, message) == (1, f"not ready after 0 s: postgresql 127.0.0.1 {free_port}: it is starting up")


# -- the Hive Metastore

# What 4.0.1 answers, and to a call that it does not know; the exception that it throws has the number 1.
NAME = b"\0\0\0\x11get_all_databases\0\0\0\1"
DATABASES = b"\x80\1\0\2" + NAME + b"\x0f\0\0\x0b\0\0\0\1\0\0\0\x07default\0"
UNKNOWN = b"\x80\1\0\3\0\0\0\7no_such\0\0\0\1\x0b\0\1\0\0\0\x1eInvalid method name: 'no_such'\x08\0\2\0\0\0\1\0"
META_EXCEPTION = b"\x80\1\0\2" + NAME + b"\x0c\0\1\x0b\0\1\0\0\0\x0eno connection!\0\0"


def test_hive_is_ready_when_it_names_its_databases(wait, servers, free_port):
    assert wait("hive", "127.0.0.1", free_port, then=lambda: listen(free_port, servers, DATABASES)) == (0, "")


def test_hive_answers_in_pieces(ready, monkeypatch):
    """TCP may cut an answer anywhere."""
    pieces = [DATABASES[i : i + 7] for i in range(0, len(DATABASES), 7)]

    class Connection(contextlib.nullcontext):
        def sendall(self, data):
            assert data == b"\x80\1\0\1" + NAME + b"\0"

        def recv(self, most):
            return pieces.pop(0)

    connection = Connection()
    connection.enter_result = connection
    monkeypatch.setattr(ready.socket, "create_connection", lambda *_, **__: connection)
    ready.hive("127.0.0.1", "9083")


@pytest.mark.parametrize("reply", [META_EXCEPTION, UNKNOWN, DATABASES[:20], b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_hive_that_answers_something_else_is_not_ready(wait, servers, free_port, reply):
    listen(free_port, servers, reply)
    code, message = wait("hive", "127.0.0.1", free_port, timeout=0)
    assert (code, message) == (1, f"not ready after 0 s: hive 127.0.0.1 {free_port}: it answers {reply!r}")


def test_hive_that_says_nothing_is_not_ready(ready, wait, free_port, monkeypatch):
    monkeypatch.setattr(ready, "ATTEMPT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", free_port)):
        code, message = wait("hive", "127.0.0.1", free_port, timeout=0)
    assert (code, message) == (1, f"not ready after 0 s: hive 127.0.0.1 {free_port}: timed out")


def test_hive_says_where_nobody_listens(wait, closed_port):
    code, message = wait("hive", "127.0.0.1", closed_port, timeout=0)
    assert code == 1
    assert "refused" in message


# -- unix sockets


def test_socket_waits_until_something_accepts(wait, tmp_path):
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:

        def start():
            server.bind(path)
            server.listen()

        assert wait("socket", path, then=start) == (0, "")


def test_a_socket_left_behind_by_a_dead_server_is_not_ready(wait, tmp_path):
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
    assert wait("socket", path, timeout=0)[0] == 1


# -- Dagster's daemon


def daemons(*statuses) -> dict:
    shown = [{"daemonType": t, "required": r, "healthy": h, "lastHeartbeatTime": at} for t, r, h, at in statuses]
    return {"data": {"instance": {"daemonHealth": {"allDaemonStatuses": shown}}}}


@pytest.mark.parametrize(
    "early",
    [
        pytest.param([("SCHEDULER", True, False, None)], id="never seen"),
        pytest.param([("SCHEDULER", True, True, 1000.0)], id="its predecessor's heartbeat"),
        pytest.param([], id="knows no daemon yet"),
    ],
)
def test_the_daemon_is_ready_once_all_that_is_required_is_healthy_since_now(wait, answers, early):
    later = time.time() + 60
    answers["/graphql"] = [
        (200, daemons(*early)),
        (200, daemons(("SCHEDULER", True, True, later), ("OTHER", False, False, None))),
    ]
    assert wait("dagster-daemon", f"{answers['address']}/graphql") == (0, "")


def test_a_daemon_that_never_reported_is_named_and_does_not_break_the_probe(wait, answers):
    answers["/graphql"] = [(200, daemons(("SCHEDULER", True, True, time.time() + 60), ("SENSOR", True, True, None)))]
    code, message = wait("dagster-daemon", f"{answers['address']}/graphql", timeout=0)
    assert code == 1
    assert message.endswith("no heartbeat yet of SENSOR")


def test_a_webserver_that_answers_something_else_is_not_ready(wait, answers):
    answers["/graphql"] = [(200, {"errors": [{"message": "the storage is not there yet"}]}), (200, "no json")]
    answers["/graphql"] += [(200, daemons(("SCHEDULER", True, True, time.time() + 60)))]
    assert wait("dagster-daemon", f"{answers['address']}/graphql") == (0, "")


# -- the program


def test_it_ends_at_once_when_the_service_has_died(wait, closed_port, monkeypatch):
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setenv("MAINPID", str(gone.pid))
    assert wait("hive", "127.0.0.1", closed_port) == (1, "the service ended before it was ready")


def test_it_goes_on_while_the_service_lives(wait, servers, free_port, monkeypatch):
    monkeypatch.setenv("MAINPID", str(os.getpid()))
    assert wait("hive", "127.0.0.1", free_port, then=lambda: listen(free_port, servers, DATABASES)) == (0, "")


def test_a_service_that_may_not_be_asked_lives(wait, servers, free_port, monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert wait("hive", "127.0.0.1", free_port, then=lambda: listen(free_port, servers, DATABASES)) == (0, "")


def test_it_runs_as_a_unit_runs_it(root, closed_port):
    """With no site packages and no environment, as `python3 -I`."""
    command = [
        sys.executable,
        "-I",
        str(root / "roles/base/files/ready.py"),
        "--timeout",
        "0.3",
        "hive",
        "127.0.0.1",
        str(closed_port),
    ]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("not ready after 0.3 s: hive")


@pytest.mark.parametrize("arguments", [["http"], ["nonsense", "x"], ["hive", "127.0.0.1"]])
def test_a_wrong_call_says_how_it_is_called(root, arguments):
    command = [sys.executable, str(root / "roles/base/files/ready.py"), "--timeout", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: ready" in done.stderr
    assert "Traceback" not in done.stderr
