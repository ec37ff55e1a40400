# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's tables: Trino in prod, DuckDB in dev, the same statements for both. Raw tables are appended to, never changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline_shared.settings import Settings

# Trino refuses a statement of more than a million characters.
STATEMENT_CHARACTERS = 400_000


class Lake:
    """An open connection of whichever kind; see ``connect``."""

    def __init__(self, name: str, connection: Any) -> None:
        self.name = name
        self._connection = connection

    def table(self, schema: str, table: str) -> str:
        """The quoted name of a table in one of the pipeline's schemas."""
        return f'"{self.name}_{schema}"."{table}"'

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple]:
        """Run one statement with ``?`` for each parameter and return its rows."""
        cursor = self._connection.cursor()
        cursor.execute(statement, list(parameters)) if parameters else cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]

    def create_raw(self, table: str, columns: dict[str, str]) -> None:
        """Create a raw table if there is none. The platform made the schema; on a laptop it is made here."""
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        self.query(f"create table if not exists {self.table('raw', table)} ({listed})")

    def append(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows to a raw table, in as few statements as Trino's limit allows."""
        for chunk in _chunks(rows):
            marks = ", ".join(f"({', '.join('?' * len(row))})" for row in chunk)
            self.query(f"insert into {self.table('raw', table)} values {marks}", [value for row in chunk for value in row])


@contextmanager
def connect(settings: Settings) -> Iterator[Lake]:
    """The pipeline's tables. Closed at the end: DuckDB lets only one process have the file, and dbt comes next."""
    connection = _trino(settings) if settings.target == "prod" else _duckdb(settings)
    try:
        yield Lake(settings.name, connection)
    finally:
        connection.close()


def _trino(settings: Settings) -> Any:
    import trino

    user = os.environ.get("TRINO_USER", settings.name)
    return trino.dbapi.connect(
        host=os.environ["TRINO_HOST"],
        port=int(os.environ.get("TRINO_PORT", "8443")),
        user=user,
        auth=trino.auth.BasicAuthentication(user, os.environ["TRINO_PASSWORD"]),
        http_scheme="https",
        # Never empty, which would mean that any certificate will do.
        verify=os.environ.get("TRINO_CA") or True,
        catalog=settings.catalog,
        source=settings.name,
        timezone="UTC",
        # One round trip per statement: no PREPARE before it, no question whether the server knows EXECUTE IMMEDIATE.
        legacy_prepared_statements=False,
    )


def _duckdb(settings: Settings) -> Any:
    import duckdb

    connection = duckdb.connect(str(settings.duckdb_path))
    connection.execute(f'create schema if not exists "{settings.name}_raw"')
    return connection


def _chunks(rows: Sequence[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    chunk: list[Sequence[Any]] = []
    size = 0
    for row in rows:
        length = sum(len(str(value)) + 20 for value in row)
        if chunk and size + length > STATEMENT_CHARACTERS:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += length
    if chunk:
        yield chunk
