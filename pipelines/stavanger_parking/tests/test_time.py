"""From Oslo's clock to UTC. The feed gives no offset.

Every record here is made by hand: no recording holds a day on which the clock changes.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from feed import bring, record


@pytest.fixture
def readings(workspace):
    """Moments and local times of a few fetches."""

    def make(*fetches):
        bring(workspace, *fetches)
        workspace.dbt("build", "--exclude-resource-type", "test")
        return [
            (f"{moment:%d. %H:%M}", f"{local:%H:%M}")
            for moment, local in workspace.query(
                "select observed_at, observed_local from {staging}.stg_parking order by observed_at"
            )
        ]

    return make


def test_summer_and_winter(readings):
    assert readings(
        ("2026-01-15 11:02:00", [record("15.01.2026 12:00")]), ("2026-07-15 10:02:00", [record("15.07.2026 12:00")])
    ) == [("15. 11:00", "12:00"), ("15. 10:00", "12:00")]


def test_the_hour_that_comes_twice(readings, workspace):
    """25 October 2026, 03:00 summer time is 02:00 winter time: the time of the fetch tells which 02:30 it is."""
    assert readings(
        ("2026-10-24 23:59:00", [record("25.10.2026 01:58", "10")]),
        ("2026-10-25 00:31:00", [record("25.10.2026 02:30", "20")]),
        ("2026-10-25 00:59:00", [record("25.10.2026 02:58", "30")]),
        ("2026-10-25 01:01:00", [record("25.10.2026 02:00", "40")]),
        ("2026-10-25 01:31:00", [record("25.10.2026 02:30", "50")]),
        ("2026-10-25 02:01:00", [record("25.10.2026 03:00", "60")]),
    ) == [
        ("24. 23:58", "01:58"),
        ("25. 00:30", "02:30"),
        ("25. 00:58", "02:58"),
        ("25. 01:00", "02:00"),
        ("25. 01:30", "02:30"),
        ("25. 02:00", "03:00"),
    ]
    hours = workspace.query("select hour_at, hour_local, readings from {marts}.hourly_occupancy order by hour_at")
    assert [(f"{at:%H}", f"{local:%H}", count) for at, local, count in hours] == [
        ("23", "01", 1),
        ("00", "02", 2),
        ("01", "02", 2),
        ("02", "03", 1),
    ]


def test_equal_content_in_both_is_two_readings(readings):
    """The same counts at the same time on the clock, an hour apart: the same bytes, stored once, and yet two readings."""
    assert readings(
        ("2026-10-25 00:31:00", [record("25.10.2026 02:30")]),
        ("2026-10-25 01:01:00", [record("25.10.2026 02:58")]),
        ("2026-10-25 01:31:00", [record("25.10.2026 02:30")]),
    ) == [("25. 00:30", "02:30"), ("25. 00:58", "02:58"), ("25. 01:30", "02:30")]


def test_a_frozen_feed_does_not_wake_up_when_the_clock_goes_back(readings):
    content = [record("25.10.2026 02:30")]
    fetches = [(f"2026-10-25 0{hour}:{minute}:00", content) for hour, minute in [(0, 31), (0, 51), (1, 11), (1, 31), (2, 31)]]
    assert readings(*fetches) == [("25. 00:30", "02:30")]


def test_the_hour_that_is_left_out(readings, workspace):
    """29 March 2026, 02:00 is 03:00. A clock that shows 02:30 was not put forward yet, or was too early."""
    assert readings(
        ("2026-03-29 00:31:00", [record("29.03.2026 02:30", "10")]),
        ("2026-03-29 00:59:00", [record("29.03.2026 01:58", "20")]),
        ("2026-03-29 01:05:00", [record("29.03.2026 03:04", "30")]),
        ("2026-03-29 01:32:00", [record("29.03.2026 02:30", "40")]),
    ) == [("29. 00:30", "02:30"), ("29. 00:58", "01:58"), ("29. 01:04", "03:04"), ("29. 01:30", "02:30")]
    assert not workspace.query("select * from {staging}.stg_parking_rejected")


def test_days_have_23_and_25_hours(readings, workspace):
    fetches = []
    for first, hours in (("2026-03-28 23:00:00", 23), ("2026-10-24 22:00:00", 25)):
        for number in range(hours):
            moment = datetime.fromisoformat(first + "+00:00") + timedelta(hours=number)
            local = moment.astimezone(ZoneInfo("Europe/Oslo"))
            fetches.append((f"{moment:%Y-%m-%d} {moment:%H}:01:00", [record(f"{local:%d.%m.%Y %H:%M}", str(number))]))
    readings(*fetches)
    assert [
        (str(date), hours)
        for date, hours in workspace.query("select day_local, hours from {marts}.daily_occupancy order by day_local")
    ] == [("2026-03-29", 23), ("2026-10-25", 25)]


def test_a_fetch_from_just_before_midnight_in_utc_belongs_to_oslos_next_day(readings, workspace):
    readings(("2026-10-03 22:03:43", [record("04.10.2026 00:02")]))
    assert [str(day) for (day,) in workspace.query("select day_local from {marts}.daily_occupancy")] == ["2026-10-04"]
