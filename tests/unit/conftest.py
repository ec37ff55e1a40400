# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What unit tests share: a module run in this process, an HTTP server of a folder, a cache of their own."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args


@pytest.fixture(autouse=True)
def on_a_host(monkeypatch):
    """Modules believe to be on a host, even if another test of this process has imported what only the control side has."""
    monkeypatch.setattr(_internal, "is_controller", False)


def run_module(main: Callable[[], None], check: bool = False, **options) -> dict:
    """Run a module's ``main`` with options; the JSON that it leaves with."""
    said = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(arguments), contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main()
    answer = json.loads(said.getvalue())
    assert bool(ended.value.code) == answer.get("failed", False)
    return answer


@pytest.fixture
def module() -> Callable[..., dict]:
    """Runs a module in this process."""
    return run_module


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """Root's umask as hardened hosts have it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        """Nothing on the screen."""


@contextlib.contextmanager
def serving(server: http.server.HTTPServer) -> Iterator[str]:
    """The address of ``server``, which answers until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web(tmp_path) -> Iterator[http.server.HTTPServer]:
    """A web server: ``folder`` is what it serves, ``address`` where, ``asked`` the paths that were asked for."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    server.folder, server.asked = folder, []
    with serving(server) as address:
        server.address = address
        yield server


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A TCP port on which nobody listens, and which nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of artifacts."""
    monkeypatch.setenv("FDP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
