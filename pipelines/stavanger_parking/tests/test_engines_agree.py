"""The same feed through Trino, on Iceberg and on Delta, and through DuckDB: the same tables, before and after maintenance."""

import os
import secrets
from dataclasses import replace

import pytest
from conftest import ROOT
from feed import FEED, bring, record
from pipeline_shared.maintenance import maintain
from pipeline_shared.testing import Workspace

TABLES = [
    "{staging}.stg_parking",
    "{staging}.stg_parking_rejected",
    "{marts}.current_occupancy",
    "{marts}.hourly_occupancy",
    "{marts}.daily_occupancy",
    "{marts}.data_freshness",
]
# What the feed's history does not hold, made by hand: words, bad values, and both days on which the clock changes.
BY_HAND = [
    ("2026-03-29 00:58:00", [record("29.03.2026 01:58", "12"), record("29.03.2026 01:58", "Open", Sted="Kyrre")]),
    ("2026-03-29 01:04:00", [record("29.03.2026 02:58", "12"), record("29.03.2026 03:04", "Fullt belagt", Sted="Ålgård")]),
    ("2026-10-25 00:31:00", [record("25.10.2026 02:30", "7")]),
    ("2026-10-25 00:41:00", [record("25.10.2026 02:40", "8")]),
    ("2026-10-25 01:31:00", [record("25.10.2026 02:30", "7")]),
    (
        "2026-10-25 03:01:00",
        [
            record("25.10.2026 04:00", free, Sted=f"Car park {number}")
            for number, free in enumerate(["-1", "12.5", " 12 ", "", "1e3", "+5", "99999999999999999999", "x1", "Ø", "0"])
        ]
        + [
            record("31.02.2026 10:00"),
            record("1.2.2026 10:00"),
            record("25.10.2026 24:00"),
            record("25.10.2026 23:00"),
            record("25.10.2026 04:00", Latitude="91"),
            record("25.10.2026 04:00", Latitude="58,97"),
            record("25.10.2026 04:00", Longitude=None),
            record("25.10.2026 04:00", Sted="  "),
            record("25.10.2026 04:00", Sted={"navn": "Valberget"}),
            record("25.10.2026 04:00", 5),
            record("25.10.2026 04:00", "6"),
            "not an object",
            None,
            [1],
            {},
            {"Sted": 'O\'Hare "?" {{ }}'},
        ],
    ),
]


def on_trino(catalog: str, tmp_path):
    """A workspace in schemas of its own, which are removed afterwards."""
    if "TRINO_HOST" not in os.environ:
        pytest.skip(
            "no Trino: give TRINO_HOST, TRINO_PORT, TRINO_CA, and as TRINO_USER one who may create schemas, with TRINO_PASSWORD"
        )
    values = {"TRINO_PORT": "8443", "TRINO_USER": "platform", "S3_BUCKET": "lakehouse", **os.environ}
    name = f"engines_agree_{secrets.token_hex(4)}"
    workspace = Workspace(
        ROOT,
        tmp_path / catalog,
        **{key: values[key] for key in ("TRINO_HOST", "TRINO_PORT", "TRINO_USER")},
        PIPELINE_TARGET="prod",
        PIPELINE_NAME=name,
        TRINO_CATALOG=catalog,
    )
    schemas = workspace.settings.manifest["schemas"]
    try:
        for schema in schemas:
            workspace.query(f"create schema {{{schema}}} with (location = 's3://{values['S3_BUCKET']}/{name}/{schema}/')")
        yield workspace
    finally:
        for schema in schemas:
            workspace.query(f"drop schema if exists {{{schema}}} cascade")


@pytest.fixture(scope="module", params=["iceberg", "delta"])
def trino(request, tmp_path_factory):
    """One catalog of Trino."""
    yield from on_trino(request.param, tmp_path_factory.mktemp("trino"))


@pytest.fixture(scope="module")
def fetches(history):
    """The feed's history, and what was made by hand, in the order of time."""
    return sorted([*history, *BY_HAND])


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory, fetches):
    """What DuckDB makes of them."""
    workspace = Workspace(ROOT, tmp_path_factory.mktemp("duckdb"))
    bring(workspace, *fetches)
    workspace.dbt("build")
    return {table: workspace.query(f"select * from {table} order by 1, 2, 3") for table in TABLES}


def test_same_tables(trino, duckdb, fetches):
    bring(trino, *fetches)
    ended = trino.dbt("build")
    assert {name: how for name, how in ended.items() if how not in ("success", "pass")} == {
        "relationships_stg_parking_facility__facility__ref_facilities_": "warn"
    }
    same_tables(trino, duckdb)
    [raw] = trino.query("select count(*) from {raw}.parking_fetches")
    kept = tidied(trino, days=36500)
    assert {name: done.rows_removed for name, done in kept.items()} == dict.fromkeys(kept, 0)
    assert kept["raw.parking_fetches"].files == (len(fetches), 1)
    assert set(kept) >= {"raw.parking_records", "staging.stg_parking", "marts.current_occupancy"}
    trino.dbt("build")
    same_tables(trino, duckdb)
    assert tidied(trino, days=1)["raw.parking_fetches"].rows_removed == raw[0] == len(fetches)
    assert trino.query("select count(*) from {raw}.parking_records") == [(0,)]


def same_tables(trino, duckdb) -> None:
    for table in TABLES:
        assert trino.query(f"select * from {table} order by 1, 2, 3") == duckdb[table], table
        assert duckdb[table], table


def tidied(trino, days: int) -> dict:
    """What maintenance did to each table, with this retention."""
    pipeline = replace(trino.settings, manifest={**trino.settings.manifest, "retention_days": days})
    with trino.lake() as lake:
        return {done.table: done for done in maintain(pipeline, lake, FEED)}
