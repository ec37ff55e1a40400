# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Whether each service answers, as it is now: nothing is remembered."""

from __future__ import annotations

import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from foss_data_dashboard import dagster
from foss_data_dashboard.client import NoAnswer, http, tcp
from foss_data_dashboard.settings import Settings


def ok(url: str, timeout: float) -> bytes:
    """Body of a 200."""
    status, content = http(url, timeout)
    if status != 200:
        raise NoAnswer(f"answers HTTP {status} at {url}")
    return content


def trino(url: str, timeout: float) -> None:
    """The coordinator takes queries."""
    try:
        starting = json.loads(ok(f"{url}/v1/info", timeout))["starting"]
    except (ValueError, LookupError, TypeError) as error:
        raise NoAnswer(f"is not what answers at {url}") from error
    if starting:
        raise NoAnswer("is starting up")


def postgresql(address: str, timeout: float) -> None:
    """As pg_isready: a server that is starting up answers 57P03, one that is ready asks for a password or refuses the user."""
    parameters = b"user\0readiness\0database\0postgres\0\0"
    answer = tcp(address, timeout, struct.pack("!ii", 8 + len(parameters), 196608) + parameters)
    if b"C57P03\0" in answer:
        raise NoAnswer("is starting up or shutting down")
    if answer[:1] not in (b"R", b"E"):
        raise NoAnswer(f"is not what answers at {address}")


def metastore(address: str, timeout: float) -> None:
    """It replies to Thrift's getStatus, whatever that is: version 1, a call, the name, a sequence number, no arguments."""
    call = struct.pack("!Ii9sib", 0x80010001, 9, b"getStatus", 0, 0)
    if not tcp(address, timeout, call).startswith(struct.pack("!I", 0x80010002)):
        raise NoAnswer(f"is not what answers at {address}")


def states(s: Settings) -> list[dict]:
    """``name``, ``healthy``, ``fault`` (how it fails, else empty) and ``seconds`` of each service, all asked at the same time."""
    probes = [
        ("dagster-webserver", s.dagster, lambda: ok(f"{s.dagster}/server_info", s.timeout)),
        ("dagster-daemon", s.dagster, lambda: dagster.daemons(s.dagster, s.timeout)),
        ("trino", s.trino, lambda: trino(s.trino, s.timeout)),
        ("minio", s.minio, lambda: ok(f"{s.minio}/minio/health/cluster", s.timeout)),
        ("postgresql", s.postgresql, lambda: postgresql(s.postgresql, s.timeout)),
        ("hive-metastore", s.metastore, lambda: metastore(s.metastore, s.timeout)),
    ]

    def state(probe: tuple) -> dict:
        name, _, call = probe
        began, fault = time.monotonic(), ""
        try:
            call()
        except NoAnswer as error:
            fault = str(error)
        return {"name": name, "healthy": not fault, "fault": fault, "seconds": round(time.monotonic() - began, 3)}

    with ThreadPoolExecutor(len(probes)) as pool:
        return list(pool.map(state, [probe for probe in probes if probe[1]]))
