# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Ask a service, and say in one sentence why there is no answer."""

from __future__ import annotations

import contextlib
import socket
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

LARGEST = 10_000_000  # bytes of an answer; more is no answer of these services


class NoAnswer(Exception):
    """Why there is no answer that can be used, as the end of a sentence about the service."""


def http(url: str, timeout: float, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer, straight from there: no proxy, no redirect. Raises NoAnswer."""
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        with contextlib.closing(connect(parts.hostname, parts.port, timeout=timeout)) as connection:
            connection.request("POST" if body else "GET", parts.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read(LARGEST + 1)
    except (OSError, HTTPException) as error:
        raise _no_answer(error, url, timeout) from error
    if len(content) > LARGEST:
        raise NoAnswer(f"answers with more than {LARGEST} bytes at {url}")
    return answer.status, content


def tcp(address: str, timeout: float, say: bytes) -> bytes:
    """The beginning of what is answered to ``say``: that a connection is accepted tells little, a tunnel does that too."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
            connection.sendall(say)
            answer = connection.recv(1000)
    except OSError as error:
        raise _no_answer(error, address, timeout) from error
    if not answer:
        raise NoAnswer(f"hangs up at {address}")
    return answer


def _no_answer(error: Exception, address: str, timeout: float) -> NoAnswer:
    if isinstance(error, TimeoutError):
        return NoAnswer(f"does not answer at {address} within {timeout:g} s")
    return NoAnswer(f"does not answer at {address}: {getattr(error, 'strerror', None) or str(error)[:200]}")
