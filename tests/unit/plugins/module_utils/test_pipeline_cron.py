# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Schedules: none that Dagster refuses is let pass. What it says of these was asked of Dagster 1.13.27 itself."""

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_cron import fault_of

TAKEN = """
* * * * *|0 6 * * *|*/5 0-23/2 1,15 * 1-5|0 0 * JAN *|0 0 * * MON|0 0 * * mon-fri|0 0 * jan/2 *|0 0 * * 7|0 0 * * 0-7|0 0 l * *
0 0 L * *|0 0 * * l5|0 22-2 * * *|0 0 * * fri-mon|0 0 * 11-2 *|*/90 * * * *|5/10 * * * *|001 * * * *|0 0 * * mon-5|0 0 31 * *
0 0 29 2 *|0 0 31 2,3 *
""".replace("\n", "|").strip("|")
REFUSED = """
60 * * * *|* 24 * * *|0 0 0 * *|0 0 32 * *|0 0 * 0 *|0 0 * 13 *|0 0 * * 8|*/0 * * * *|1,,2 * * * *|,1 * * * *|1, * * * *
60/5 * * * *|H * * * *|0 0 * * l8|0 0 * * l5,1|0 0 30 2 *|* * * mon *|* * * * jan|*-5 * * * *|* * * *|* * * * * *
hourly|@daily|0  6 * * *
""".replace("\n", "|").strip("|")


@pytest.mark.parametrize("schedule", TAKEN.split("|"))
def test_what_dagster_takes(schedule):
    assert fault_of(schedule) == ""


@pytest.mark.parametrize("schedule", REFUSED.split("|"))
def test_what_dagster_refuses(schedule):
    assert fault_of(schedule)


@pytest.mark.parametrize("schedule", ["0 0 31 4 *", "0 0 30,31 2 *", "0 0 31 feb,apr,jun *"])
def test_what_never_comes(schedule):
    """Dagster takes these, and its daemon fails at each round."""
    assert "never comes" in fault_of(schedule)


def test_a_weekday_comes_in_every_month():
    assert fault_of("0 0 31 4 mon") == ""


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("61 * * * *", "'61' is no minute (0 to 59)"),
        ("* 1,25 * * *", "'25' is no hour (0 to 23)"),
        ("* * 0-5 * *", "'0-5' is no day (1 to 31)"),
        ("* * * jna *", "'jna' is no month (1 to 12)"),
        ("* * * * 9/2", "'9/2' is no weekday (0 to 7)"),
        ("٣ * * * *", "'٣' is no minute (0 to 59)"),
    ],
)
def test_the_field_is_named(schedule, said):
    assert fault_of(schedule) == f"{schedule!r} is no cron schedule: {said}"
