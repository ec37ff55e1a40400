# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Attempts to log in to a service on loopback, without a password and with those that everybody knows."""

from __future__ import annotations

import base64
import datetime
import errno
import hashlib
import hmac
import http.client
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.handshake import trusting

LET_IN, REFUSED, NOT_TRIED = "let in", "refused", "not tried"
COMMON = ("", "admin", "password", "changeme")
# Those that the makers of these programs give them, or that their handbooks show.
OBJECT_STORE = [("minioadmin", "minioadmin"), ("minio", "minio123"), ("admin", "password")]
PATIENCE = 20  # seconds


def _said(service: str, who: str, outcome: str, detail: str = "") -> dict:
    return {"service": service, "who": who, "outcome": outcome, "detail": detail[:200]}


def passwords(user: str) -> list[str]:
    """Those that everybody would try for a user."""
    return list(dict.fromkeys([*COMMON, user]))


def _described(user: str, password: str) -> str:
    how = "without a password" if not password else "with its own name" if password == user else f"with '{password}'"
    return f"{user} {how}"


# -- PostgreSQL

# What only somebody is told who has been let in.
AFTER_THE_DOOR = ("does not exist", "permission denied for database", "too many connections for")


def postgresql(login: dict, _authority: str) -> Iterator[dict]:
    """Over the network with passwords, and through its socket as a Linux user who is nobody."""
    reach = ["psql", "-wXAtc", "SELECT 1", "-d", "postgres", "-p", str(login["port"])]
    for user in login["users"]:
        for password in passwords(user):
            given = {"PGPASSWORD": password} if password else {}
            yield _psql(login["service"], _described(user, password), [*reach, "-h", "127.0.0.1", "-U", user], given)
        yield _psql(
            login["service"],
            f"{user} by its socket, as the Linux user nobody",
            ["runuser", "-u", "nobody", "--", *reach, "-h", "/run/postgresql", "-U", user],
            {},
        )


def _psql(service: str, who: str, command: list[str], given: dict[str, str]) -> dict:
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PGCONNECT_TIMEOUT": str(PATIENCE)}
    try:
        done = subprocess.run(
            command,
            env=environment | given,
            # Not root's folder, which nobody may enter.
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return _said(service, who, NOT_TRIED, str(error))
    entered = done.returncode == 0 or any(word in done.stderr for word in AFTER_THE_DOOR)
    refused = any(
        word in done.stderr for word in ("authentication failed", "no password supplied", "no pg_hba.conf entry", "rejects")
    )
    return _said(service, who, LET_IN if entered else REFUSED if refused else NOT_TRIED, done.stderr.strip())


# -- ports that only some users of the host may connect to


def connection(login: dict, _authority: str) -> Iterator[dict]:
    """As the Linux user nobody."""
    nobody = pwd.getpwnam("nobody")
    child = os.fork()
    if child == 0:
        os._exit(_connected(nobody, login["port"]))
    came = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # Where nobody listens there is nobody to keep out.
    outcome = {0: LET_IN, errno.ECONNREFUSED: NOT_TRIED}.get(came, REFUSED)
    detail = os.strerror(came) if came > 0 else ""
    yield _said(login["service"], f"the Linux user nobody to port {login['port']}", outcome, detail)


def _connected(user: pwd.struct_passwd, port: int) -> int:
    """0, or the number of the error that ended it."""
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except OSError as error:
        return error.errno or errno.ETIMEDOUT
    return 0


# -- HTTP


def _ask(login: dict, authority: str, method: str, path: str, headers: dict, body: str = "") -> int | str:
    """The status that the service answers with, or why there is none."""
    if login["tls"]:
        known = {"timeout": PATIENCE, "context": trusting(authority)}
        connection = http.client.HTTPSConnection("localhost", login["port"], **known)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", login["port"], timeout=PATIENCE)
    try:
        connection.request(method, path, body or None, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()


def _outcome(login: dict, who: str, status: int | str) -> dict:
    if isinstance(status, str):
        return _said(login["service"], who, NOT_TRIED, status)
    outcome = LET_IN if 200 <= status < 300 else REFUSED if status in (400, 401, 403) else NOT_TRIED
    return _said(login["service"], who, outcome, str(status))


def trino(login: dict, authority: str) -> Iterator[dict]:
    """With a name alone, and with passwords where it speaks TLS (it takes none without)."""
    for user in login["users"]:
        said = {"X-Trino-User": user}
        yield _outcome(login, f"{user} by its name alone", _ask(login, authority, "POST", "/v1/statement", said, "SELECT 1"))
        for password in passwords(user) if login["tls"] else ():
            basic = base64.b64encode(f"{user}:{password}".encode()).decode()
            known = said | {"Authorization": f"Basic {basic}"}
            yield _outcome(login, _described(user, password), _ask(login, authority, "POST", "/v1/statement", known, "SELECT 1"))


def s3(login: dict, authority: str) -> Iterator[dict]:
    """The list of buckets with keys that everybody knows, and each bucket without any."""
    pairs = OBJECT_STORE + [(user, password) for user in login["users"] for password in passwords(user) if password]
    for key, secret in pairs:
        headers = signed(f"127.0.0.1:{login['port']}", key, secret, login["region"], datetime.datetime.now(datetime.UTC))
        yield _outcome(login, _described(key, secret), _ask(login, authority, "GET", "/", headers))
    for bucket in login["buckets"]:
        yield _outcome(login, f"anybody to bucket {bucket}", _ask(login, authority, "GET", f"/{bucket}?list-type=2", {}))


def signed(host: str, key: str, secret: str, region: str, at: datetime.datetime) -> dict[str, str]:
    """Headers of a GET of ``/`` by AWS's signature, version 4."""
    moment, day, nothing = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d"), hashlib.sha256(b"").hexdigest()
    scope, names = f"{day}/{region}/s3/aws4_request", "host;x-amz-content-sha256;x-amz-date"
    request = f"GET\n/\n\nhost:{host}\nx-amz-content-sha256:{nothing}\nx-amz-date:{moment}\n\n{names}\n{nothing}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {"Host": host, "X-Amz-Date": moment, "X-Amz-Content-SHA256": nothing, "Authorization": authorization}


KINDS = {"connection": connection, "postgresql": postgresql, "s3": s3, "trino": trino}
