#!/usr/bin/python3 -I
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Wait until a service really answers. Units run it before they start (for what they need) and after (for themselves).
After the start it ends at once when the unit's main process ($MAINPID, set by systemd) has died.

ready [--timeout SECONDS] http URL [EXPECTED-TEXT]   a 200 whose body holds the text
ready [--timeout SECONDS] trino URL CA-FILE          a query over a worker comes back; the user is readiness, its password
                                                     $READINESS_PASSWORD
ready [--timeout SECONDS] postgresql HOST PORT       the server takes connections (not: is starting up)
ready [--timeout SECONDS] hive HOST PORT             the Hive Metastore says which databases there are
ready [--timeout SECONDS] socket PATH                something accepts on a unix socket
ready [--timeout SECONDS] dagster-daemon URL         every daemon has reported itself healthy since now
"""

import argparse
import base64
import inspect
import json
import os
import socket
import ssl
import struct
import sys
import time
import urllib.error
import urllib.request

BEGAN = time.time()
INTERVAL = 0.2  # seconds between two attempts
ATTEMPT_TIMEOUT = 5  # seconds for one attempt


def http(url: str, text: str = "") -> None:
    """A 200 whose body holds ``text``."""
    with urllib.request.urlopen(url, timeout=ATTEMPT_TIMEOUT) as answer:
        body = answer.read(100_000).decode(errors="replace")
    if text not in body:
        raise OSError(f"{url} answers, but without {text!r}")


def _ask(url: str, data: bytes | None, headers: dict, trusted: ssl.SSLContext | None = None) -> dict:
    request = urllib.request.Request(url, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=ATTEMPT_TIMEOUT, context=trusted) as answer:
        return json.load(answer)


def trino(url: str, ca_file: str) -> None:
    """A query that has to be planned and run on a worker, not just on the coordinator's front door."""
    login = base64.b64encode(f"readiness:{os.environ.get('READINESS_PASSWORD', '')}".encode()).decode()
    headers, trusted = {"Authorization": f"Basic {login}"}, ssl.create_default_context(cafile=ca_file)
    page = _ask(f"{url}/v1/statement", b"SELECT count(*) FROM system.runtime.nodes", headers, trusted)
    rows = 0
    while True:
        if "error" in page:
            raise OSError(page["error"].get("message", "the query failed"))
        rows += len(page.get("data") or [])
        if "nextUri" not in page:
            break
        page = _ask(page["nextUri"], None, headers, trusted)
    if not rows:
        raise OSError("the query gave no row")


def postgresql(host: str, port: str) -> None:
    """As pg_isready: a server that is starting up answers 57P03, one that is ready asks for a password or refuses the user."""
    parameters = b"user\0readiness\0database\0postgres\0\0"
    with socket.create_connection((host, int(port)), timeout=ATTEMPT_TIMEOUT) as connection:
        connection.sendall(struct.pack("!ii", 8 + len(parameters), 196608) + parameters)
        answer = connection.recv(1000)
    if not answer or b"C57P03\0" in answer:
        raise OSError("it is starting up")


def hive(host: str, port: str) -> None:
    """A call that the metastore has to ask its own database for, in Thrift's binary protocol."""
    name = b"get_all_databases"

    def message(kind: int) -> bytes:
        return struct.pack("!II", 0x80010000 + kind, len(name)) + name + struct.pack("!i", 1)

    # A call without arguments. In a reply field 0, a list, is the answer; an exception would be field 1.
    call, expected = message(1) + b"\0", message(2) + b"\x0f\0\0"
    answer = b""
    with socket.create_connection((host, int(port)), timeout=ATTEMPT_TIMEOUT) as connection:
        connection.sendall(call)
        while len(answer) < len(expected) and (part := connection.recv(1000)):
            answer += part
    if not answer.startswith(expected):
        raise OSError(f"it answers {answer[:200]!r}")


def unix(path: str) -> None:
    """Something accepts on the unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ATTEMPT_TIMEOUT)
        connection.connect(path)


def dagster_daemon(url: str) -> None:
    """Every required daemon has reported itself healthy since this probe began, so not merely its predecessor."""
    query = "{instance{daemonHealth{allDaemonStatuses{daemonType required healthy lastHeartbeatTime}}}}"
    answer = _ask(url, json.dumps({"query": query}).encode(), {"Content-Type": "application/json"})
    if not answer.get("data"):
        raise OSError(f"the webserver answers {json.dumps(answer)[:300]}")
    statuses = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    late = [s["daemonType"] for s in statuses if s["required"] and not (s["healthy"] and (s["lastHeartbeatTime"] or 0) > BEGAN)]
    if late or not statuses:
        raise OSError(f"no heartbeat yet of {', '.join(late)}")


PROBES = {"dagster-daemon": dagster_daemon, "hive": hive, "http": http, "trino": trino, "postgresql": postgresql, "socket": unix}


def main_process_died() -> bool:
    """Whether systemd named a main process, and it is gone."""
    try:
        os.kill(int(os.environ.get("MAINPID", os.getpid())), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # For a moment it is still root's, or in another user namespace.
        pass
    return False


def main() -> int:
    """0 when the probe passed; 1 with one line that says what was waited for and how it last failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=280, help="seconds to wait in all (default: %(default)s)")
    parser.add_argument("probe", choices=sorted(PROBES))
    parser.add_argument("target", nargs="+")
    arguments = parser.parse_args()
    try:
        inspect.signature(PROBES[arguments.probe]).bind(*arguments.target)
    except TypeError as error:
        parser.error(f"{arguments.probe}: {error}")
    deadline = time.monotonic() + arguments.timeout
    while True:
        try:
            PROBES[arguments.probe](*arguments.target)
            return 0
        except (OSError, ValueError, urllib.error.URLError) as error:
            failure = error
        if main_process_died():
            print("the service ended before it was ready", file=sys.stderr)
            return 1
        if time.monotonic() > deadline:
            print(
                f"not ready after {arguments.timeout:g} s: {arguments.probe} {' '.join(arguments.target)}: {failure}",
                file=sys.stderr,
            )
            return 1
        time.sleep(INTERVAL)


if __name__ == "__main__":
    sys.exit(main())
