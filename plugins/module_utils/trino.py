# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Client and base class of the ``trino_*`` modules, over the library ``trino``.

Source of what is said here about Trino: its client REST API, and what version 476 was seen to do.
"""

from __future__ import annotations

import datetime
import json
import re
import socket
import time
import traceback
import zoneinfo
from dataclasses import dataclass
from typing import Any

from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule

try:
    import requests
    from trino.auth import BasicAuthentication
    from trino.dbapi import connect
    from trino.exceptions import Error, HttpError, TrinoConnectionError, TrinoQueryError

    LIBRARY_ERROR = None
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

CONNECTION = {
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 8443},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 120},
}
# For about a second after SERVER STARTED no node has announced itself, not even the coordinator as its own worker.
STARTING = ("NO_NODES_AVAILABLE", "SERVER_STARTING_UP")
HINTS = {
    "CATALOG_NOT_FOUND": "trino_info lists the catalogs that there are.",
    "CATALOG_UNAVAILABLE": "It could not be built when Trino started: mend what its properties name, then run trino_catalog.",
    "INVALID_SCHEMA_PROPERTY": "This catalog knows no locations: leave `location` out.",
    "NO_NODES_AVAILABLE": "No worker has announced itself: look at Trino's log.",
    "PERMISSION_DENIED": "Look at the access rules of that user.",
    "SYNTAX_ERROR": "Give one statement, without a semicolon.",
}
REQUEST_TIMEOUT = (5, 30)  # seconds to connect, and without a byte; Trino answers a waiting client every second


# -- SQL


def identifier(name: str) -> str:
    """``name`` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """``text`` as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def like(name: str) -> str:
    """A LIKE clause that matches ``name`` and nothing else."""
    return "LIKE " + literal(re.sub(r"([\\%_])", r"\\\1", name)) + r" ESCAPE '\'"


def is_read(query: str) -> bool:
    """Whether the statement only reads.

    In Trino's grammar the first word tells what a statement is: ``WITH`` never introduces a writing one, and what ``EXPLAIN``
    explains is run only by ``EXPLAIN ANALYZE``.
    """
    leading = _leading_words(query, 3)
    words = [word for word, _end in leading]
    if not words or words[0] not in ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"):
        return False
    if words[:2] == ["EXPLAIN", "ANALYZE"]:
        # By position: a comment may hold the same word.
        return is_read(query[leading[2 if words[2:] == ["VERBOSE"] else 1][1] :])
    return True


def _leading_words(query: str, count: int) -> list[tuple[str, int]]:
    """The first words in capitals, each with where it ends; comments and opening parentheses before a word don't count."""
    words: list[tuple[str, int]] = []
    # A comment ends where Trino's does: at the first line end of any kind, at the first `*/`.
    word = re.compile(r"(?:\s|\(|--[^\r\n]*(?=[\r\n]|$)|/\*(?:(?!\*/).)*\*/)*([A-Za-z_]+)", re.DOTALL)
    while len(words) < count and (match := word.match(query, words[-1][1] if words else 0)):
        words.append((match.group(1).upper(), match.end()))
    return words


# -- results


def json_value(value: Any, signature: dict) -> Any:
    """A value as Trino's JSON protocol gives it, made plain by its type signature.

    Nothing is rounded: decimals, intervals and NaN stay text, binary data base64. Timestamps become ISO 8601 with all their
    digits and, if they have a zone, its offset; rows become dictionaries where each field has a name of its own.
    """
    if value is None:
        return None
    kind, arguments = signature["rawType"], [a["value"] for a in signature.get("arguments", ())]
    if kind == "array":
        return [json_value(v, arguments[0]) for v in value]
    if kind == "map":
        return {str(k): json_value(v, arguments[1]) for k, v in value.items()}
    if kind == "row":
        names = [(field.get("fieldName") or {}).get("name") for field in arguments]
        values = [json_value(v, field["typeSignature"]) for v, field in zip(value, arguments, strict=True)]
        return dict(zip(names, values, strict=True)) if all(names) and len(set(names)) == len(names) else values
    if kind == "timestamp":
        return value.replace(" ", "T", 1)
    if kind == "timestamp with time zone":
        return _with_offset(value)
    if kind == "time with time zone":
        return value.replace(" ", "")
    return value


def _with_offset(value: str) -> str:
    """``2020-06-01 12:00:00.5 Europe/Oslo`` as ``2020-06-01T12:00:00.5+02:00``; of an hour that comes twice, the first."""
    date, clock, zone = value.split(" ", 2)
    if not re.fullmatch(r"[+-]\d\d:\d\d", zone):
        try:
            moment = datetime.datetime.fromisoformat(f"{date} {clock[:8]}").replace(tzinfo=zoneinfo.ZoneInfo(zone))
            zone = moment.isoformat()[-6:]
        except (ValueError, zoneinfo.ZoneInfoNotFoundError):
            return f"{date}T{clock} {zone}"  # a year beyond Python's, or a zone that this host doesn't know: as Trino says it
    return f"{date}T{clock}{zone}"


def column_names(columns: list[dict]) -> list[str]:
    """Unique names for the columns of a result: one whose name is taken becomes ``_colN``, as Trino calls a nameless one."""
    names: list[str] = []
    for index, column in enumerate(columns):
        free = (name for name in (column["name"], *(f"_col{n}" for n in range(index, index + len(columns)))) if name not in names)
        names.append(next(free))
    return names


@dataclass
class Result:
    """What a statement gave: ``rows`` as lists of JSON values, ``columns`` as ``name`` and ``type``, and what Trino says."""

    rows: list[list]
    columns: list[dict]
    query_id: str
    stats: dict
    update_type: str | None
    update_count: int | None


# -- errors


class TrinoError(Exception):
    """A failure as one sentence. ``name`` is Trino's own name of it, or '' where Trino could not say anything."""

    def __init__(self, message: str, name: str = "", query_id: str | None = None):
        super().__init__(message)
        self.name, self.query_id = name, query_id


class _StartingError(Exception):
    """The coordinator doesn't take statements yet."""


class _TimeUpError(Exception):
    """The time for the statement is over."""


def one_line(message: str) -> str:
    """The line of a message that tells the cause: connectors answer with a whole injector report, thousands of lines long."""
    cause = re.search(r"^Caused by: (.*)$", message, re.MULTILINE)
    items = re.findall(r"^\d+\) (?:Error: |\[[^\]]*\]: )?(.*)$", message, re.MULTILINE)
    first = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    text = cause.group(1) if cause else "; ".join(dict.fromkeys(items)) or first
    return text[:400].rstrip(" .")


# -- the server


class Client:
    """A Trino coordinator, asked as ``user``. Every method raises TrinoError; ``timeout`` is in seconds, for each statement.

    With a password it is asked over TLS; without one it has to be one that asks nobody who they are.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str | None = None,
        ca_path: str | None = None,
        timeout: float = 120,
    ):
        http_scheme = "https" if password else "http"
        self.address, self.timeout, self._user = f"{http_scheme}://{host}:{port}", timeout, user
        self._verify = ca_path or True
        self._auth = BasicAuthentication(user, password) if password else None
        self._connection = {"host": host, "port": port, "http_scheme": http_scheme, "auth": self._auth, "verify": self._verify}
        self._started = False

    def info(self) -> dict:
        """What ``/v1/info`` says, once the coordinator has started. Before that it may answer, but not know all its catalogs."""

        def ask() -> dict:
            try:
                answer = requests.get(f"{self.address}/v1/info", verify=self._verify, timeout=REQUEST_TIMEOUT[0])
            except requests.exceptions.RequestException as error:
                if isinstance(error, requests.exceptions.SSLError) or isinstance(_innermost(error), socket.gaierror):
                    raise
                raise _StartingError(_root(error)) from error
            if answer.status_code == 503:
                raise _StartingError("it is starting")
            if not answer.ok or "nodeVersion" not in answer.text:
                raise TrinoError(f"what answers at {self.address} is not Trino (/v1/info: {answer.status_code})")
            found = json.loads(answer.text)
            if found.get("starting"):
                raise _StartingError("it is starting")
            return found

        try:
            found = patiently(ask, self.timeout, lambda error: isinstance(error, _StartingError))
        except (_StartingError, requests.exceptions.RequestException) as error:
            raise TrinoError(
                f"Trino does not answer at {self.address} ({one_line(_root(error))}): is it running there?"
            ) from error
        self._started = True
        return found

    def lets_in(self, user: str, password: str) -> bool:
        """Whether that user may log in with that password."""
        try:
            # What it answers to those whom it knows; it is little.
            answer = requests.get(
                f"{self.address}/v1/query?state=QUEUED", auth=(user, password), verify=self._verify, timeout=REQUEST_TIMEOUT
            )
        except requests.exceptions.RequestException as error:
            raise TrinoError(
                f"Trino does not answer at {self.address} ({one_line(_root(error))}): is it running there?"
            ) from error
        if answer.status_code not in (200, 401):
            raise TrinoError(f"Trino answered with HTTP {answer.status_code}: is {self.address} a Trino coordinator?")
        return answer.ok

    def run(
        self,
        query: str,
        parameters: list | None = None,
        user: str | None = None,
        catalog: str | None = None,
        schema: str | None = None,
    ) -> Result:
        """The result of one statement, all its rows fetched; one that takes too long is cancelled.

        Only a statement that Trino did not begin is sent again: a lost connection may mean that an INSERT was done.
        """
        if not self._started:
            self.info()
        deadline = time.monotonic() + self.timeout

        def once() -> Result:
            return self._once(query, parameters, deadline, user=user or self._user, catalog=catalog, schema=schema)

        try:
            return patiently(once, self.timeout, _not_begun)
        except TrinoQueryError as error:
            hint = HINTS.get(error.error_name, "")
            message = f"Trino refused ({error.error_name}): {one_line(error.message)}. {hint}".rstrip()
            raise TrinoError(message, error.error_name, error.query_id) from error
        except HttpError as error:
            unknown = "error 401" in str(error) or "error 403" in str(error)
            hint = "check user and password" if unknown else f"is {self.address} a Trino coordinator?"
            raise TrinoError(f"Trino answered with HTTP {one_line(str(error))}: {hint}", "HTTP_ERROR") from error
        except (Error, requests.exceptions.RequestException) as error:
            raise TrinoError(
                f"the connection to Trino at {self.address} was lost ({one_line(_root(error))}): whether the statement was done "
                "is not known, look at what it should have changed before you run it again"
            ) from error

    def rows(self, query: str, user: str | None = None) -> list[list]:
        """The rows of one statement."""
        return self.run(query, user=user).rows

    def _once(self, query: str, parameters: list | None, deadline: float, **session: Any) -> Result:
        def in_time(stats: dict) -> None:
            if time.monotonic() >= deadline:
                raise _TimeUpError(stats["queryId"])

        connection = connect(
            **self._connection,
            **session,
            source="ansible",
            # No hidden retries: `patiently` decides what is sent again.
            max_attempts=1,
            request_timeout=REQUEST_TIMEOUT,
            legacy_prepared_statements=False,
            # Values as they stand in the answer: Python's own types would round times and refuse the year 12000.
            legacy_primitive_types=True,
        )
        with connection._http_session:
            cursor = connection.cursor(stats_callback=in_time)
            try:
                cursor.execute(query, parameters or None)
                rows = cursor.fetchall()
            except _TimeUpError as error:
                cursor.cancel()
                raise TrinoError(
                    f"query {error} took more than {self.timeout} s and was cancelled: raise `timeout`, or make it smaller",
                    "EXCEEDED_TIME_LIMIT",
                    str(error),
                ) from error
            columns = cursor._query.columns or []
        return Result(
            rows=[[json_value(v, c["typeSignature"]) for v, c in zip(row, columns, strict=True)] for row in rows],
            columns=[{"name": n, "type": c["type"]} for n, c in zip(column_names(columns), columns, strict=True)],
            query_id=cursor.query_id,
            stats=cursor.stats,
            update_type=cursor.update_type,
            update_count=cursor._query.update_count,
        )


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error


def _root(error: BaseException) -> str:
    """The innermost cause, in words."""
    error = _innermost(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _not_begun(error: BaseException) -> bool:
    """Whether the statement certainly was not begun: nobody listened, or Trino said that it is starting."""
    if isinstance(error, TrinoQueryError):
        return error.error_name in STARTING
    # "failed to fetch" comes after Trino took the statement.
    return isinstance(error, TrinoConnectionError) and (
        "failed to execute" in str(error) and isinstance(_innermost(error), ConnectionRefusedError)
    )


# -- modules


class TrinoModule(ServiceStateModule):
    """What the modules share that ask Trino or manage something in it."""

    connection, library = CONNECTION, ("trino", LIBRARY_ERROR)
    _statements: list[str] | None = None

    def connect(self) -> None:
        """As ``client``."""
        try:
            self.client = Client(**{key: self.params[key] for key in CONNECTION})
        except TrinoError as error:
            self.fail(str(error))

    def fault(self, error: Exception) -> dict | None:
        """What Trino said, and of which query."""
        return {"msg": str(error), "query_id": error.query_id} if isinstance(error, TrinoError) else None

    def statements(self, before: Any, after: Any) -> list[str]:
        """What has to be run to get from one to the other."""
        raise NotImplementedError

    def planned(self, before: Any, after: Any) -> None:
        """The statements, for the report."""
        self._statements = self.statements(before, after) if before != after else []

    def apply(self, before: Any, after: Any) -> None:
        """Run the statements."""
        for statement in self._statements:
            self.client.run(statement)

    def report(self) -> dict:
        """The statements."""
        return {} if self._statements is None else {"statements": self._statements}
