# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What the tests of the Trino modules stand on: a server that repeats what a real Trino answered, and a way to run a module."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Result

# By statement the pages that Trino 476 answered; tests/contract/test_trino_contract.py records and compares them.
ANSWERS = json.loads((Path(__file__).parent / "fixtures" / "trino_answers.json").read_text(encoding="utf-8"))
INFO = {"nodeVersion": {"version": "476"}, "environment": "test", "coordinator": True, "starting": False}
CUT = object()  # in the place of pages: the connection breaks once the statement was read


def failure(name: str, message: str) -> list[dict]:
    """The pages of a statement that failed."""
    error = {"message": message, "errorCode": 1, "errorName": name, "errorType": "INTERNAL_ERROR"}
    return [{"id": "failed", "error": error, "stats": {"state": "FAILED", "elapsedTimeMillis": 1}}]


class Replay(ThreadingHTTPServer):
    """Trino's client protocol with recorded answers.

    ``first`` holds, by statement, pages that go out before the recorded ones, each once; ``infos`` those of ``/v1/info``.
    ``log`` gets what was asked: method, path, user and body.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.first: dict[str, list] = {}
        self.infos: list[tuple[int, str]] = []
        self.log: list[tuple[str, str, str | None, str]] = []
        self.running: list[list[dict]] = []
        self.port = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def posted(self) -> list[str]:
        """The statements that were sent."""
        return [body for method, _, _, body in self.log if method == "POST"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _note(self) -> str:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.log.append((self.command, self.path, self.headers.get("X-Trino-User"), body))
        return body

    def _send(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _page(self, query: int, number: int) -> None:
        pages = self.server.running[query]
        page = copy.deepcopy(pages[number % len(pages)])
        if number + 1 < len(pages) or page.pop("endless", False):
            page["nextUri"] = f"http://127.0.0.1:{self.server.port}/v1/statement/{query}/{number + 1}"
        self._send(200, json.dumps({"infoUri": "http://127.0.0.1/", "warnings": [], **page}))

    def do_POST(self):
        statement = self._note()
        early = self.server.first.get(statement)
        pages = early.pop(0) if early else ANSWERS.get(statement)
        if pages is CUT:
            self.close_connection = True
            return
        if pages is None:
            self._send(500, f"nothing recorded for: {statement}")
            return
        self.server.running.append(pages)
        self._page(len(self.server.running) - 1, 0)

    def do_GET(self):
        self._note()
        if self.path == "/v1/info":
            self._send(*(self.server.infos.pop(0) if self.server.infos else (200, json.dumps(INFO))))
            return
        self._page(*map(int, self.path.split("/")[-2:]))

    def do_DELETE(self):
        self._note()
        self._send(204, "")

    def log_message(self, *_):
        """Nothing on the screen."""


def result(*rows: list, columns: int = 1, **more) -> Result:
    """What `Client.run` gives for these rows."""
    named = [{"name": f"c{i}", "type": "varchar"} for i in range(columns)]
    return Result(list(rows), named, "q1", {"elapsedTimeMillis": 5}, more.get("update_type"), more.get("update_count"))


def run_module(main: Callable[[], None], check: bool = False, **options) -> dict:
    """The JSON that the module leaves with."""
    said = io.StringIO()
    arguments = {"user": "admin", **options, "_ansible_check_mode": check}
    warnings._global_warnings.clear()  # each module has a process of its own, in which nobody warned before
    with patch_module_args(arguments), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    return json.loads(said.getvalue())
