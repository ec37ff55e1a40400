"""The city's feed as it was recorded."""

from decimal import Decimal

import pytest
from conftest import ROOT
from feed import bring
from pipeline_shared.testing import Workspace


@pytest.fixture(scope="module")
def replayed(tmp_path_factory, recordings) -> Workspace:
    """All recordings, built."""
    workspace = Workspace(ROOT, tmp_path_factory.mktemp("replayed"))
    bring(workspace, *recordings)
    assert set(workspace.dbt("build").values()) == {"success", "pass"}
    return workspace


def test_raw_tables(replayed):
    assert replayed.query(
        "select count(*), count(distinct content_hash), sum(case when is_new then 1 else 0 end) from {raw}.parking_fetches"
    ) == [(12, 10, 10)]
    assert replayed.query("select count(*) from {raw}.parking_records") == [(90,)]


def test_nothing_is_rejected(replayed):
    assert replayed.query("select * from {staging}.stg_parking_rejected") == []
    assert replayed.query("select count(*) from {staging}.stg_parking") == [(90,)]


def test_current_occupancy(replayed):
    rows = replayed.query(
        "select facility, free_spaces, capacity, occupancy_pct, exceeds_capacity, status"
        " from {marts}.current_occupancy order by facility"
    )
    assert rows == [
        ("Forum", 300, 289, Decimal("0.0"), True, "counted"),
        ("Jernbanen", 297, 390, Decimal("23.8"), False, "counted"),
        ("Jorenholmen", 284, 500, Decimal("43.2"), False, "counted"),
        ("Kyrre", None, 310, None, False, "open"),
        ("Parketten", 273, 290, Decimal("5.9"), False, "counted"),
        ("Posten", None, 150, None, False, "open"),
        ("Siddis", 293, 360, Decimal("18.6"), False, "counted"),
        ("St Olav", 214, 480, Decimal("55.4"), False, "counted"),
        ("Valberget", 86, 141, Decimal("39.0"), False, "counted"),
    ]


def test_the_frozen_feed_is_seen(replayed):
    """The data of 23 September was served until 1 October, 7 days and 18 hours old at the end."""
    rows = replayed.query("select fetches, last_age_minutes, is_frozen from {marts}.data_freshness order by first_fetched_at")
    assert rows[0] == (3, 7 * 1440 + 18 * 60 + 16, True)
    assert len(rows) == 10
    assert all(not frozen and age <= 3 for _, age, frozen in rows[1:])


def test_a_quiet_night_is_not_frozen(replayed):
    """Every count as before, only the time moved."""
    counts = replayed.query(
        "select observed_at, sum(free_spaces) from {staging}.stg_parking"
        " where observed_at between timestamp '2026-10-05 00:00:00' and timestamp '2026-10-05 01:00:00' group by 1"
    )
    assert len(counts) == 2
    assert len({total for _, total in counts}) == 1
    assert replayed.query(
        "select count(*) from {marts}.data_freshness where is_frozen and first_fetched_at >= timestamp '2026-10-05 00:00:00'"
    ) == [(0,)]


def test_hours_and_days(replayed):
    assert replayed.query(
        "select hours, readings, mean_free_spaces, min_free_spaces, max_free_spaces from {marts}.daily_occupancy"
        " where facility = 'Jorenholmen' and day_local = date '2026-10-06'"
    ) == replayed.query(
        "select count(distinct hour_at), sum(readings), cast(round(avg(cast(mean_free_spaces as double)), 1) as decimal(18, 1)),"
        " min(min_free_spaces), max(max_free_spaces) from {marts}.hourly_occupancy"
        " where facility = 'Jorenholmen' and hour_local >= timestamp '2026-10-06 00:00:00'"
    )
    [(low, high)] = replayed.query(
        "select min_free_spaces, max_free_spaces from {marts}.daily_occupancy"
        " where facility = 'Jorenholmen' and day_local = date '2026-10-06'"
    )
    assert (low, high) == (172, 428)
    # 3 October in UTC, 4 October in Oslo.
    assert replayed.query("select count(*) from {marts}.daily_occupancy where day_local = date '2026-10-03'") == [(0,)]
    assert replayed.query("select count(*) from {marts}.daily_occupancy where day_local = date '2026-10-04'") == [(7,)]


def test_running_again_changes_nothing(replayed, recordings):
    tables = ["{staging}.stg_parking", "{marts}.current_occupancy", "{marts}.hourly_occupancy", "{marts}.data_freshness"]
    before = [replayed.query(f"select * from {table} order by 1, 2") for table in tables]
    replayed.dbt("build")
    assert [replayed.query(f"select * from {table} order by 1, 2") for table in tables] == before
