# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The porter: lets pipelines' code servers sleep, and wakes one when there is work for it.

Dagster's webserver and daemon watch every code server: which code it has, what that defines. A release answers this always in the
same way. So the porter, which Dagster takes for the code servers, answers in the place of one that sleeps, by what was recorded
when the release was prepared or by what it once answered itself. Everything else is work: the server is started, and the bytes go
through as they are.

Each unit ``pipeline@NAME.service`` has a socket ``NAME.sock`` here; its ``--fixed-server-id`` says which code it has. To start a
unit the porter leaves a file of its name in a folder that systemd watches. To stop one it asks the code server itself to end,
once nothing runs there.
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import math
import os
import re
import shutil
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path

import grpc

API = "/api.DagsterApi/"
SERVER_ID = API + "GetServerId"
# `dagster api grpc` only says that it does not: other code is another release.
RELOAD = API + "ReloadCode"
# What Dagster asks to learn what there is, as opposed to have something done.
WATCHING = {API + name for name in ("ListRepositories", "ExternalRepository", "ExternalJob", "GetCurrentImage")}
EMPTY = b""  # the message without fields
# What tells that code did not load. It may the next time, so it is never remembered.
FAULT = re.compile(rb'.{0,16}\{"__class__": "\w*Error', re.DOTALL)
TOO_LARGE = "message larger than max"  # in gRPC's own words
IDLE_RUNS = b'"current_runs": []'
UNIT = re.compile(r"pipeline@([a-z][a-z0-9_]{1,47})\.service")
CODE = re.compile(r" --fixed-server-id ([0-9A-Za-z_-]{1,64})\b")

TICK = 1.0  # seconds between two looks at what there is
SETTLE = 5  # seconds that a server stays which was started for no work: by a deploy, or to be asked what it has
START = 50  # seconds for a start; Dagster itself waits for 60
STARTING = 2  # code servers that start at a time; at the full hour, when all are due, each start of many would take too long
TURN = 10  # seconds that one start may keep others waiting
STOP = 30  # seconds for an end
ANSWER = 5  # seconds for the porter's own questions
RELUCTANT = 60  # seconds for which one that did not go to sleep is not asked again to make room
# What one pipeline says may not cost the others their porter. A message is held twice while it goes through, so the unit's memory
# is enough for the largest of fifty pipelines at once, and for all the calls of one. Dagster streams long ones in parts of 4 MB.
LARGEST = 4 << 20  # bytes of a message
CALLS = 32  # of one pipeline at a time

# Connections are never shared: the same path is another pipeline's socket later.
OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.use_local_subchannel_pool", 1),
]
log = logging.getLogger("porter")


def server_id(code: str) -> bytes:
    """The message that says it: a text of at most 127 bytes as the first field."""
    return bytes([0x0A, len(code)]) + code.encode()


class NotStarted(Exception):
    """The code server is not there, and why."""


class Pipeline:
    """One code server, asleep or awake."""

    def __init__(self, porter: "Porter", name: str):
        self._porter, self.name, self.folder = porter, name, porter.state / name
        self.code = ""  # what its unit says
        self._see = f"`journalctl -u pipeline@{name}` says why"
        # Held while it is woken or sent to sleep, so that no work reaches a server that is about to end.
        self.turn = asyncio.Lock()
        self.at_work = 0  # calls under way
        self.last = 0.0  # monotonic time of the last call that went through; 0 while it sleeps
        self._stay = SETTLE
        self.waking = False
        self.asked = -math.inf  # monotonic time when it was last asked to sleep

    # -- the server

    @contextlib.contextmanager
    def _socket(self) -> Iterator[str]:
        """The path of its socket, for as long as it is used. Raises OSError if there is none of its own.

        The pipeline may put anything in its folder, and a link there to another's socket, or to one here, would have the porter's
        rights. So what is connected to is what was looked at: a socket that the folder's owner made. Root gave the folder that
        owner, in a place where only root may.
        """
        with contextlib.ExitStack() as stack:

            def find(path: str | Path, kind: int, within: int | None = None) -> int:
                at = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=within)
                stack.callback(os.close, at)
                return at

            folder = find(self._porter.pipelines / self.name, os.O_DIRECTORY)
            at = find("grpc.sock", 0, folder)
            found = os.fstat(at)
            if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.fstat(folder).st_uid:
                raise PermissionError(f"{self._porter.pipelines / self.name}/grpc.sock is no socket of its own")
            yield f"/proc/self/fd/{at}"

    def awake(self) -> bool:
        """Whether something accepts on its socket."""
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError), self._socket() as path:
            probe.setblocking(False)
            probe.connect(path)
            return True
        return False

    async def _pass(self, method: str, request: bytes, timeout: float | None) -> AsyncIterator[bytes]:
        # A channel for each call: it may connect again, though never to another socket than this.
        with self._socket() as path:
            async with grpc.aio.insecure_channel(f"unix:{path}", options=OPTIONS) as channel:
                # A single answer is a stream of one.
                async for message in channel.unary_stream(method)(request, timeout=timeout):
                    yield message

    async def _ask(self, method: str) -> bytes:
        first = EMPTY  # of one, or of however many it sends until the time is over
        async for message in self._pass(API + method, EMPTY, ANSWER):
            first = first or message
        return first

    async def _wake(self) -> None:
        async with self._porter.starting:
            start = asyncio.create_task(self._come_up())
            try:
                # Whoever takes long, or never comes, keeps nobody else from starting.
                await asyncio.wait({start}, timeout=TURN)
            except asyncio.CancelledError:
                start.cancel()
                raise
        await start

    async def _come_up(self) -> None:
        began = time.monotonic()
        log.info("%s: waking", self.name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START):
                while True:
                    # Each time: a unit that is just ending takes no notice of a start.
                    (self._porter.wake / self.name).touch()
                    for _ in range(20):
                        if self.awake():
                            log.info("%s: awake after %.1f s", self.name, time.monotonic() - began)
                            return
                        await asyncio.sleep(TICK / 20)
                    if result := await self._failure(began):
                        raise NotStarted(f"pipeline@{self.name} did not start ({result}); {self._see}")
        raise NotStarted(f"pipeline@{self.name} did not start within {START} s; {self._see}")

    async def _failure(self, since: float) -> str:
        """How its unit failed since then, in systemd's word; empty if it did not."""
        shown = "--property=ActiveState,Result,InactiveEnterTimestampMonotonic"
        process = await asyncio.create_subprocess_exec(
            *("systemctl", "show", shown, f"pipeline@{self.name}.service"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said = dict(line.split("=", 1) for line in (await process.communicate())[0].decode().splitlines() if "=" in line)
        failed = said.get("ActiveState") == "failed" and int(said["InactiveEnterTimestampMonotonic"]) / 1e6 > since
        return said.get("Result", "") if failed else ""

    async def sleep(self) -> None:
        """Let the server end if nothing runs there."""
        async with self.turn:
            if self.at_work or not self.awake():
                return
            self.last = self.asked = time.monotonic()
            try:
                if IDLE_RUNS not in await self._ask("GetCurrentRuns"):
                    return
                await self._ask("ShutdownServer")
            except (OSError, grpc.aio.AioRpcError) as error:
                log.warning("%s: does not let itself be sent to sleep: %s", self.name, getattr(error, "details", error.__str__)())
                return
            until = time.monotonic() + STOP
            while self.awake():
                if time.monotonic() > until:
                    return
                await asyncio.sleep(0.05)
            self.last, self.asked, self._stay = 0.0, -math.inf, SETTLE
            log.info("%s: asleep", self.name)

    async def look(self) -> None:
        """Send it to sleep if nobody asked anything of it for long enough."""
        if self.turn.locked():
            return
        if not self.awake():
            self.last = 0.0
            return
        self.last = self.last or time.monotonic()
        if not self.at_work and time.monotonic() > self.last + self._stay:
            await self.sleep()

    # -- what Dagster asks

    async def answer(self, method: str, request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        """The messages of an answer, a known one or the server's own."""
        try:
            known = self._known(method, request)
            if known is not None:
                yield known
                return
            messages, code = [], self.code  # not more of them than have to be held
            async with self._reached():
                async for message in self._pass(method, request, context.time_remaining()):
                    if method in WATCHING and len(messages) < 2:
                        messages.append(message)
                    yield message
                if len(messages) != 1 or FAULT.match(messages[0]):
                    self._stay = self._porter.idle
                else:
                    await self._remember(self._file(method, request, code), messages[0], code)
        except (NotStarted, OSError) as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except grpc.aio.AioRpcError as error:
            details = error.details() or ""
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LARGE in details:
                details = f"pipeline@{self.name} answered {method.rpartition('/')[2]} with more than {LARGEST >> 20} MiB at once"
            await context.abort(error.code(), details)

    def _known(self, method: str, request: bytes) -> bytes | None:
        if method == RELOAD:
            return EMPTY
        if method == SERVER_ID:
            return server_id(self.code)
        if method in WATCHING:
            with contextlib.suppress(FileNotFoundError):
                return self._file(method, request, self.code).read_bytes()
        return None

    def _file(self, method: str, request: bytes, code: str) -> Path:
        return self.folder / code / f"{method.rpartition('/')[2]}-{hashlib.sha256(request).hexdigest()[:32]}"

    async def _remember(self, file: Path, message: bytes, code: str) -> None:
        with contextlib.suppress(OSError, grpc.aio.AioRpcError):
            # It may be one that a deploy is about to stop.
            if await self._ask("GetServerId") != server_id(code):
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            partial.write_bytes(message)
            partial.rename(file)

    def use(self, code: str) -> None:
        """What its unit says from now on. What is known of other code is forgotten."""
        self.code = code
        for folder in self.folder.glob("*"):
            if folder.name != code:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        """The server is awake, and stays so."""
        async with self.turn:
            if not self.awake():
                self.waking = True
                try:
                    await self._wake()
                finally:
                    self.waking = False
            self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1
            self.last = time.monotonic()


class Door(grpc.GenericRpcHandler):
    """Takes whatever is called, as bytes."""

    def __init__(self, pipeline: Pipeline):
        self._pipeline = pipeline

    def service(self, handler_call_details):
        """How a call is answered."""

        async def answer(request, context):
            async for message in self._pipeline.answer(handler_call_details.method, request, context):
                yield message

        return grpc.unary_stream_rpc_method_handler(answer)


class Porter:
    """All pipelines of a host."""

    def __init__(self, units: Path, pipelines: Path, run: Path, wake: Path, state: Path, idle: float, awake: int):
        self.units, self.pipelines, self.run, self.wake, self.state = units, pipelines, run, wake, state
        self.idle, self._most = idle, awake
        self._doors: dict[str, tuple[Pipeline, grpc.aio.Server]] = {}
        self._tasks: set[asyncio.Task] = set()
        self.starting = asyncio.Semaphore(STARTING)

    def _make_room(self) -> None:
        """Let those that are needed least sleep, until there are no more than the most that may be awake.

        Nobody waits for it: one that does not want to end would hold up all who are to wake. So for a moment one more is awake.
        """
        now = time.monotonic()
        pipelines = [p for p, _ in self._doors.values() if p.waking or p.awake()]
        excess = len(pipelines) - self._most - sum(p.turn.locked() and now < p.asked + ANSWER for p in pipelines)
        free = [p for p in pipelines if not p.at_work and not p.turn.locked() and now > p.asked + RELUCTANT]
        for pipeline in sorted(free, key=lambda p: p.last)[: max(excess, 0)]:
            self._start(pipeline, pipeline.sleep())

    async def update(self) -> None:
        """A door for each unit that there is, and for no other."""
        codes = {}
        for entry in os.scandir(self.units):
            # A unit that says nothing of its code is not made for this. One that is just being removed is gone.
            with contextlib.suppress(FileNotFoundError):
                if (name := UNIT.fullmatch(entry.name)) and (code := CODE.search(Path(entry).read_text())):
                    codes[name[1]] = code[1]
        for name, code in codes.items():
            if name not in self._doors:
                pipeline, server = Pipeline(self, name), grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=CALLS)
                server.add_generic_rpc_handlers((Door(pipeline),))
                server.add_insecure_port(f"unix:{self.run / name}.sock")
                pipeline.code = code
                await server.start()
                self._doors[name] = pipeline, server
            pipeline = self._doors[name][0]
            if code != pipeline.code:
                log.info("%s: other code than before", name)
                pipeline.use(code)
        for name in self._doors.keys() - codes:
            pipeline, server = self._doors.pop(name)
            await server.stop(grace=0)
            (self.run / f"{name}.sock").unlink(missing_ok=True)
            shutil.rmtree(pipeline.folder, ignore_errors=True)

    def _start(self, pipeline: Pipeline, work: Coroutine) -> None:
        async def guarded() -> None:
            try:
                await work
            except (OSError, grpc.aio.AioRpcError) as error:
                log.warning("%s: %r", pipeline.name, error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def work(self, ready: Callable[[], None]) -> None:
        """Until it is cancelled; calls ``ready`` once."""
        await self.update()
        ready()
        while True:
            for pipeline, _ in self._doors.values():
                self._start(pipeline, pipeline.look())
            self._make_room()
            await asyncio.sleep(TICK)
            await self.update()

    async def stop(self) -> None:
        """Let calls under way end."""
        await asyncio.gather(*(server.stop(grace=5) for _, server in self._doors.values()))


def notify_ready() -> None:
    """Tell systemd, and let no program that is started do so."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"READY=1", os.environ.pop("NOTIFY_SOCKET").replace("@", "\0", 1))


async def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Answers for sleeping code servers, and wakes them")
    parser.add_argument("--units", type=Path, default="/etc/systemd/system", help="folder of the units")
    parser.add_argument("--pipelines", type=Path, default="/run/pipelines", help="where the code servers listen")
    parser.add_argument("--run", type=Path, default="/run/pipeline-porter", help="where the porter listens")
    parser.add_argument("--wake", type=Path, default="/run/pipeline-wake", help="where it asks for a start")
    parser.add_argument("--state", type=Path, default="/var/lib/pipeline-porter", help="what it remembers")
    parser.add_argument("--idle", type=float, required=True, help="seconds without work after which a code server sleeps")
    parser.add_argument("--awake", type=int, required=True, help="code servers awake at a time, if no more are at work")
    porter = Porter(**vars(parser.parse_args()))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = asyncio.create_task(porter.work(notify_ready))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    await porter.stop()


if __name__ == "__main__":
    asyncio.run(main())
