# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Dagster's programs, of the platform's version, and a host on which the porter runs."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.tests.deployed import until

LOCK = Path(__file__).resolve().parents[2] / "requirements/dagster.txt"


@pytest.fixture(scope="session")
def programs() -> Path:
    """Their folder, installed into the user's cache once per lock."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foss-data-platform"
    folder = cache / f"contract-dagster-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", "--require-hashes", "-r", LOCK]
        subprocess.run(install, check=True)
        (folder / "complete").touch()
    return folder / "bin"


# -- a host with a porter

PEER = Path(__file__).parent / "porter/peer.py"
FILES = Path(__file__).resolve().parents[2] / "roles/pipeline_host/files"
PATIENCE = 30  # seconds for something to happen on a slow machine
# As the program, but a test does not wait for a minute.
PROGRAM = """
import asyncio, pipeline_porter
pipeline_porter.TICK, pipeline_porter.SETTLE, pipeline_porter.START, pipeline_porter.ANSWER = 0.1, {settle}, {start}, {answer}
pipeline_porter.TURN = {turn}
asyncio.run(pipeline_porter.main())
"""
SYSTEMCTL = """#!/bin/sh
cat "{folder}/said" 2>/dev/null || echo ActiveState=inactive
"""


class Client:
    """A client of a code server."""

    def __init__(self, python: Path):
        self.process = subprocess.Popen([python, PEER, "ask"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, path: Path, method: str, request: str, stream: bool, timeout: float) -> None:
        """A call."""
        asked = {"socket": str(path), "method": method, "request": request, "stream": stream, "timeout": timeout}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict:
        """Its answer."""
        return json.loads(self.process.stdout.readline())


class Host:
    """A host with a porter; whoever wakes a pipeline gets a code server of the id in ``ids``, or none.

    It is a double, or what is in ``commands``. systemd is played too: a file in the folder ``wake`` starts it.
    """

    def __init__(self, programs: Path, folder: Path):
        self.programs, self.python, self.folder = programs, programs / "python", folder
        self.ids: dict[str, str] = {}
        self.commands: dict[str, list] = {}
        self.servers: dict[str, subprocess.Popen] = {}
        self.woken: list[str] = []
        self.porter: subprocess.Popen | None = None
        self.client = Client(self.python)
        self.others: list[Client] = []
        for name in ("units", "pipelines", "run", "wake", "state", "bin"):
            (folder / name).mkdir()
        systemctl = folder / "bin/systemctl"
        systemctl.write_text(SYSTEMCTL.format(folder=folder))
        systemctl.chmod(0o755)
        self._ended = threading.Event()
        self._systemd = threading.Thread(target=self._play_systemd)
        self._systemd.start()

    def _play_systemd(self) -> None:
        while not self._ended.wait(0.02):
            for asked in sorted((self.folder / "wake").iterdir()):
                asked.unlink()
                if not self.woken or self.servers.get(asked.name) is None or self.servers[asked.name].poll() is not None:
                    self.woken.append(asked.name)
                    if asked.name in self.ids:
                        self.start(asked.name)

    def start(self, name: str) -> None:
        """A code server, as a deploy starts one."""
        self.socket(name).unlink(missing_ok=True)
        command = self.commands.get(name) or [self.python, PEER, "serve", self.socket(name), self.ids[name]]
        # A shell's background job ignores SIGINT, and Dagster gives SIGTERM whatever SIGINT has.
        self.servers[name] = subprocess.Popen(
            command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), start_new_session=True
        )

    def add(self, name: str, identity: str, starts: bool = True) -> None:
        """A pipeline's unit, or another in its place."""
        self.socket(name).parent.mkdir(exist_ok=True)
        if starts:
            self.ids[name] = identity
        partial = self.folder / "unit.partial"
        partial.write_text(f"[Service]\nExecStart=dagster api grpc --fixed-server-id {identity} --lazy-load-user-code\n")
        partial.rename(self.folder / f"units/pipeline@{name}.service")
        if self.porter:
            until((self.folder / f"run/{name}.sock").exists, PATIENCE)

    def serve(self, idle: float = 600, awake: int = 8, **constants: float) -> None:
        """Run the porter, some of its constants other than here, until it says that it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            (self.folder / "notify").unlink(missing_ok=True)
            ready.bind(str(self.folder / "notify"))
            ready.settimeout(PATIENCE)
            places = [w for n in ("units", "pipelines", "run", "wake", "state") for w in (f"--{n}", self.folder / n)]
            program = PROGRAM.format(**({"settle": 600, "start": 20, "answer": 10, "turn": 10} | constants))
            self.porter = subprocess.Popen(
                [self.python, "-c", program, *places, f"--idle={idle}", f"--awake={awake}"],
                env={
                    **os.environ,
                    "PYTHONPATH": str(FILES),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "NOTIFY_SOCKET": str(self.folder / "notify"),
                    "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                },
            )
            assert ready.recv(100) == b"READY=1"

    def restart(self, **options) -> None:
        """Another porter in the place of this one."""
        self.porter.send_signal(signal.SIGTERM)
        assert self.porter.wait(PATIENCE) == 0
        self.serve(**options)

    def socket(self, name: str) -> Path:
        """Where the code server listens."""
        return self.folder / f"pipelines/{name}/grpc.sock"

    def send(self, name: str, method: str, request: str = "", stream: bool = False, timeout: float = PATIENCE) -> None:
        """Ask the porter."""
        self.client.send(self.folder / f"run/{name}.sock", method, request, stream, timeout)

    def send_beside(self, name: str, method: str) -> None:
        """Ask the porter as somebody else, whose answer nobody waits for."""
        self.others.append(Client(self.python))
        self.others[-1].send(self.folder / f"run/{name}.sock", method, "", stream=False, timeout=PATIENCE)

    def ask(self, name: str, method: str, request: str = "", **options):
        """What the porter answers: the message, a list of them from a stream, or what was wrong."""
        self.send(name, method, request, **options)
        said = self.client.receive()
        if "messages" not in said:
            return said
        if method == "GetServerId":
            return said["messages"][0][2:]
        return said["messages"] if options.get("stream") else said["messages"][0]

    def calls(self, name: str) -> list[str]:
        """What the code servers of that pipeline were asked, the porter's own question aside."""
        log = Path(f"{self.socket(name)}.log")
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.strip() for line in lines if line.split()[0] != "GetServerId"]

    def state(self, name: str, **state) -> None:
        """What is so in the code server from now on."""
        partial = self.folder / "state.partial"
        partial.write_text(json.dumps(state))
        partial.rename(f"{self.socket(name)}.state")

    def peak(self) -> int:
        """The most memory that the porter had, in MiB."""
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.porter.pid}/status").read_text())[1]) >> 10

    def asleep(self, name: str) -> None:
        """Wait until it is, by itself and without a fault."""
        assert until(lambda: self.servers[name].poll() is not None, PATIENCE)
        assert self.servers[name].returncode == 0

    def close(self) -> None:
        """End what was started."""
        self._ended.set()
        self._systemd.join()
        clients = [client.process for client in (self.client, *self.others)]
        for process in [*clients, self.porter, *self.servers.values()]:
            if process:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()


@pytest.fixture
def host(programs, tmp_path_factory):
    # A unix socket's path is short.
    host = Host(programs, tmp_path_factory.mktemp("h"))
    yield host
    host.close()
