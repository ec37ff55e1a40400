# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Keep the tables of a pipeline small: raw rows beyond their time go, small files become large ones, files of the past go.

Every run writes a few rows into raw, and every other table anew; without this the lake keeps each of those files for ever.
Only Trino's tables need it: DuckDB's one file on a laptop looks after itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from pipeline_shared.fetch import now
from pipeline_shared.ingest import forget
from pipeline_shared.lake import Lake
from pipeline_shared.settings import Settings

EVERY = timedelta(days=7)
# Trino takes no less than seven days: a query that began before must still find the files that it reads.
STATEMENTS = {
    "iceberg": [
        "alter table {table} execute optimize",
        "alter table {table} execute expire_snapshots(retention_threshold => '7d')",
        "alter table {table} execute remove_orphan_files(retention_threshold => '7d')",
    ],
    "delta": [
        "alter table {table} execute optimize",
        "call system.vacuum('{schema}', '{name}', '7d')",
    ],
}
HISTORY = {"iceberg": "$snapshots", "delta": "$history"}


@dataclass(frozen=True)
class Done:
    """What was done to one table. ``versions`` are Iceberg's snapshots or the entries of Delta Lake's history."""

    table: str
    rows_removed: int
    files: tuple[int, int]  # before and after
    versions: tuple[int, int]

    def __str__(self) -> str:
        """One line of a log."""
        return (
            f"{self.table}: {self.rows_removed} old rows removed, data files {self.files[0]} -> {self.files[1]},"
            f" versions {self.versions[0]} -> {self.versions[1]}"
        )


def maintain(pipeline: Settings, lake: Lake, feed: str) -> Iterator[Done]:
    """Remove what is older than retention_days from the feed's raw tables, then tidy all tables; each as soon as it is done."""
    removed = forget(lake, feed, now() - timedelta(days=pipeline.manifest["retention_days"]))
    for schema in pipeline.manifest["schemas"]:
        for name in _tables(lake, schema):
            yield _tidy(pipeline, lake, schema, name, removed.get(name, 0) if schema == "raw" else 0)


def _tables(lake: Lake, schema: str) -> list[str]:
    rows = lake.query(
        "select table_name from information_schema.tables where table_schema = ? and table_type = 'BASE TABLE' order by 1",
        [f"{lake.name}_{schema}"],
    )
    return [name for (name,) in rows]


def _tidy(pipeline: Settings, lake: Lake, schema: str, name: str, rows_removed: int) -> Done:
    table = lake.table(schema, name)

    def state() -> tuple[int, int]:
        [(files,)] = lake.query(f'select count(distinct "$path") from {table}')
        [(versions,)] = lake.query(f"select count(*) from {lake.table(schema, name + HISTORY[pipeline.catalog])}")
        return files, versions

    before = state()
    for statement in STATEMENTS[pipeline.catalog]:
        lake.query(statement.format(table=table, schema=f"{lake.name}_{schema}", name=name))
    files, versions = zip(before, state(), strict=True)
    return Done(f"{schema}.{name}", rows_removed, files, versions)
