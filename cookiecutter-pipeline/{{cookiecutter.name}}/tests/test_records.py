"""Every kind of record: what is read, what is set aside, and why."""

from decimal import Decimal

import pytest
from feed import bring, record
from pipeline_shared.fetch import FetchError

FETCHED, SHOWN = "2026-01-05 12:00:00", "2026-01-05 08:00"


def test_what_is_read_and_what_is_set_aside(workspace):
    bad = [
        (record(SHOWN, "broken"), "value is no number"),
        (record(SHOWN, None), "value is no number"),
        (record("2026-02-30 08:00"), "measured_at is no time"),
        (record("5 January"), "measured_at is no time"),
        (record("2026-01-05 12:30"), "time after the fetch"),
        (record(SHOWN, station=" "), "no station"),
        ({}, "no station"),
        ("text", "not an object"),
    ]
    bring(workspace, (FETCHED, [*(content for content, _ in bad), record(SHOWN, "-3.25")]))
    workspace.dbt("run", "--select", "staging")
    assert workspace.query("select station, reading from {staging}.stg_measurements") == [("North", Decimal("-3.250"))]
    assert workspace.query("select position, problem from {staging}.stg_measurements_rejected order by position") == [
        (position, problem) for position, (_, problem) in enumerate(bad)
    ]


def test_the_same_content_is_stored_once_and_each_fetch_is_kept(workspace):
    content = [record(SHOWN)]
    bring(
        workspace,
        ("2026-01-05 12:00:00", content),
        ("2026-01-05 13:00:00", content),
        ("2026-01-05 14:00:00", [record(SHOWN, "2")]),
    )
    assert workspace.query("select count(*) from {raw}.measurements_records") == [(2,)]
    assert workspace.query("select is_new from {raw}.measurements_fetches order by fetched_at") == [(True,), (False,), (True,)]


def test_a_correction_replaces_what_was_measured(workspace):
    bring(workspace, ("2026-01-05 12:00:00", [record(SHOWN, "1")]), ("2026-01-05 13:00:00", [record(SHOWN, "2")]))
    workspace.dbt("build")
    assert workspace.query("select measurements, max_value from {marts}.daily_measurements") == [(1, Decimal("2.000"))]


def test_a_body_that_is_no_list_of_records_is_an_error_and_kept(workspace):
    with pytest.raises(FetchError, match="is not JSON"):
        bring(workspace, (FETCHED, b"<html>"))
    [path] = (workspace.settings.data_dir / "raw" / "rejected").iterdir()
    assert path.read_bytes() == b"<html>"
