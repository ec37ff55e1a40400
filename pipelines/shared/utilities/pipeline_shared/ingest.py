# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Bring a feed of JSON records into the raw tables: every fetch is kept, the same content only once.

``<feed>_fetches`` has a row per fetch, ``<feed>_records`` each record's JSON text per content. Nothing is judged here: a record
that dbt can't read is told apart in staging, with its reason. Only a body that is no list of records at all ends the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from pipeline_shared.fetch import Fetched, FetchError
from pipeline_shared.lake import Lake
from pipeline_shared.settings import Settings

FETCHES = {
    "fetched_at": "timestamp(6)",  # UTC
    "content_hash": "varchar",  # sha256 of the body
    "source": "varchar",
    "last_modified": "varchar",  # the header as it came; a claim, not the data's time
    "bytes": "bigint",
    "records": "bigint",
    "is_new": "boolean",  # the first fetch of this content
}
RECORDS = {"content_hash": "varchar", "position": "bigint", "record": "varchar", "fetched_at": "timestamp(6)"}


@dataclass(frozen=True)
class Ingested:
    """What one fetch brought."""

    records: int
    is_new: bool


def ingest(settings: Settings, lake: Lake, feed: str, fetched: Fetched) -> Ingested:
    """Append one fetch. Raises FetchError if the body is no list of records; the body is then kept in data/raw/rejected/."""
    records = _records(settings, feed, fetched)
    lake.create_raw(f"{feed}_fetches", FETCHES)
    lake.create_raw(f"{feed}_records", RECORDS)
    # The fetch is written last: if this process dies in between, its records come again and staging takes them once.
    known = lake.query(
        f"select 1 from {lake.table('raw', f'{feed}_fetches')} where content_hash = ? limit 1", [fetched.content_hash]
    )
    if not known:
        lake.append(
            f"{feed}_records",
            [(fetched.content_hash, position, record, fetched.fetched_at) for position, record in enumerate(records)],
        )
    lake.append(
        f"{feed}_fetches",
        [
            (
                fetched.fetched_at,
                fetched.content_hash,
                fetched.address,
                fetched.last_modified,
                len(fetched.body),
                len(records),
                not known,
            )
        ],
    )
    return Ingested(len(records), not known)


def forget(lake: Lake, feed: str, before: datetime) -> dict[str, int]:
    """Delete the fetches from before that moment, and the records that no fetch refers to any more; rows removed, by table.

    Content that the feed still shows stays whole, however long ago it came first.
    """
    fetches, records = f"{feed}_fetches", f"{feed}_records"
    kept = f"select content_hash from {lake.table('raw', fetches)} where content_hash is not null"
    removed = {}
    for table, old in {fetches: "fetched_at < ?", records: f"fetched_at < ? and content_hash not in ({kept})"}.items():
        [(removed[table],)] = lake.query(f"select count(*) from {lake.table('raw', table)} where {old}", [before])
        if removed[table]:
            lake.query(f"delete from {lake.table('raw', table)} where {old}", [before])
    return removed


def _records(settings: Settings, feed: str, fetched: Fetched) -> list[str]:
    try:
        records = json.loads(fetched.body)
    except ValueError as error:
        _reject(settings, feed, fetched, f"is not JSON ({error})")
    if not isinstance(records, list) or not records:
        _reject(settings, feed, fetched, "is not a list of records" if records != [] else "has no records")
    return [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]


def _reject(settings: Settings, feed: str, fetched: Fetched, reason: str) -> None:
    path = settings.data_dir / "raw" / "rejected" / f"{feed}-{fetched.fetched_at:%Y%m%dT%H%M%S%f}Z"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fetched.body)
    raise FetchError(f"what {fetched.address} gave {reason}; it is kept in {path}")
