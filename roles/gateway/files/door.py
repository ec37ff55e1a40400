#!/usr/bin/python3 -I
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Stands before oauth2-proxy where the sign-in form is sent to: nobody tries passwords there as fast or as often as they like.

It knows no password. It hands on what the form holds, and where that is refused it does three things: it answers after a time
that does not tell whether there is such a user, it counts, and it says so in the journal, in a line that programs may look for:

    sign-in refused for "NAME" from ADDRESS

    door.py SOCKET TARGET    the unix sockets that it listens on, and that oauth2-proxy does
"""

import http.client
import ipaddress
import json
import math
import socket
import socketserver
import sys
import threading
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

STEP = 2.0  # seconds; what is refused is answered at a multiple of it, and a password is checked in less
TRIES = 5  # wrong passwords for a name from an address
SHUT = 900  # seconds for which no more of them are taken
REMEMBERED = 10_000  # names and addresses at a time
LARGEST = 8192  # bytes of a form
FIELDS = ("username", "password", "rd")
HANDED_ON = ("Host", "User-Agent", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP")
HANDED_BACK = ("Content-Type", "Location", "Set-Cookie", "Cache-Control")


class Refusals:
    """Who was refused how often of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._found: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    @staticmethod
    def _key(name: str, address: str) -> tuple[str, str]:
        # Whoever has one IPv6 address has 2^64 of them.
        there = ipaddress.ip_address(address)
        return name[:64], str(ipaddress.ip_network((there, 64), strict=False)) if there.version == 6 else address

    def shut(self, name: str, address: str) -> bool:
        """Whether that name has been tried too often from there."""
        with self._lock:
            tries, last = self._found.get(self._key(name, address), (0, 0.0))
            return tries >= TRIES and self._clock() - last < SHUT

    def add(self, name: str, address: str) -> None:
        """One more."""
        with self._lock:
            key = self._key(name, address)
            tries, last = self._found.pop(key, (0, 0.0))
            self._found[key] = (1 if self._clock() - last >= SHUT else tries + 1, self._clock())
            if len(self._found) > REMEMBERED:
                self._found.popitem(last=False)

    def forget(self, name: str, address: str) -> None:
        """Who knows the password was no guesser."""
        with self._lock:
            self._found.pop(self._key(name, address), None)


def pause(taken: float) -> float:
    """Seconds to wait with the answer to a refusal that took so long."""
    return math.ceil(taken / STEP) * STEP - taken


class Target(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Handler(BaseHTTPRequestHandler):
    """One form."""

    timeout = 30
    refusals = Refusals()
    target = ""

    def do_POST(self) -> None:
        """Hand it on, unless it is one too many."""
        began = time.monotonic()
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self._answer(400, b"This is no form to sign in with.\n")
            return
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(length)).decode(errors="replace"), keep_blank_values=True))
        name, address = form.get("username", ""), self.headers.get("X-Real-IP", "")
        if self.refusals.shut(name, address):
            self._note(name, address, "shut out")
            self._answer(429, f"Too many wrong passwords for this name: wait {SHUT // 60} minutes.\n".encode())
            return
        target = Target(self.target)
        fields = urllib.parse.urlencode({field: form[field] for field in FIELDS if field in form})
        known = {header: self.headers[header] for header in HANDED_ON if header in self.headers}
        known["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            target.request("POST", "/oauth2/sign_in", fields.encode(), known)
            answer = target.getresponse()
            body = answer.read()
        except OSError as error:
            print(f"oauth2-proxy does not answer: {error}", file=sys.stderr, flush=True)
            self._answer(502, b"The sign-in service does not answer: try again in a minute.\n")
            return
        finally:
            target.close()
        if answer.status == 302:
            self.refusals.forget(name, address)
        else:
            self.refusals.add(name, address)
            self._note(name, address, "refused")
            time.sleep(pause(time.monotonic() - began))
        self._answer(answer.status, body, [(k, v) for k, v in answer.getheaders() if k.title() in HANDED_BACK])

    def _note(self, name: str, address: str, what: str) -> None:
        print(f"sign-in {what} for {json.dumps(name[:64])} from {address}", flush=True)

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for header, value in headers or [("Content-Type", "text/plain")]:
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing of requests: what matters is said above."""


class Server(socketserver.ThreadingUnixStreamServer):
    """Each form in a thread of its own; nginx lets only a few of them in."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever does not wait for the answer is no fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the end."""
    path, Handler.target = sys.argv[1:]
    with Server(path, Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
