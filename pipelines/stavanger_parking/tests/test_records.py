"""Every kind of record: what is read, what is set aside, and why."""

import pytest
from feed import bring, record
from pipeline_shared.fetch import FetchError

FETCHED, SHOWN = "2026-10-06 10:02:00", "06.10.2026 12:00"
COUNT = "Antall_ledige_plasser is neither a count nor a word"
TIME = "Dato and Klokkeslett are no time"


def staged(workspace, *records):
    bring(workspace, (FETCHED, list(records)))
    workspace.dbt("run", "--select", "staging")
    good = workspace.query("select facility, free_spaces, status from {staging}.stg_parking order by facility")
    return good, workspace.query("select position, problem from {staging}.stg_parking_rejected order by position")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0", (0, "counted")),
        (" 12 ", (12, "counted")),
        ("Open", (None, "open")),
        ("Fullt belagt", (None, "fullt belagt")),
        ("Ø", (None, "ø")),
    ],
)
def test_counts_and_words(workspace, text, read):
    assert staged(workspace, record(SHOWN, text)) == ([("Valberget", *read)], [])


def test_what_is_set_aside(workspace):
    bad = [
        (record(SHOWN, "-1"), COUNT),
        (record(SHOWN, "12.5"), COUNT),
        (record(SHOWN, ""), COUNT),
        (record(SHOWN, "1e3"), COUNT),
        (record(SHOWN, "x1"), COUNT),
        (record(SHOWN, "99999999999999999999"), COUNT),
        (record(SHOWN, None), COUNT),
        (record("31.02.2026 10:00"), TIME),
        (record("6.10.2026 12:00"), TIME),
        (record("06.10.2026 24:00"), TIME),
        (record("2026-10-06 12:00"), TIME),
        (record("06.10.2026 12:10"), "time after the fetch"),
        (record(SHOWN, Latitude="91"), "Latitude is none"),
        (record(SHOWN, Latitude="58,97"), "Latitude is none"),
        (record(SHOWN, Longitude=None), "Longitude is none"),
        (record(SHOWN, Sted=" "), "no facility"),
        (record(SHOWN, Sted=["Forum"]), "no facility"),
        ({}, "no facility"),
        ("text", "not an object"),
        (None, "not an object"),
        ([1, 2], "not an object"),
    ]
    good, rejected = staged(workspace, *(content for content, _ in bad), record(SHOWN, "5"))
    assert good == [("Valberget", 5, "counted")]
    assert rejected == [(position, problem) for position, (_, problem) in enumerate(bad)]


def test_the_second_record_of_a_car_park_is_set_aside(workspace):
    good, rejected = staged(workspace, record(SHOWN, "x1"), record(SHOWN, "5"), record(SHOWN, "6"))
    assert good == [("Valberget", 5, "counted")]
    assert rejected == [(0, COUNT), (2, "facility a second time")]


def test_a_rejected_record_is_kept_as_it_came(workspace):
    staged(workspace, record(SHOWN, "-1", Note='Ålgård "x"'))
    [(text,)] = workspace.query("select record from {staging}.stg_parking_rejected")
    assert '"Note":"Ålgård \\"x\\""' in text
    assert '"Antall_ledige_plasser":"-1"' in text


def test_clocks_may_differ_a_little(workspace):
    assert staged(workspace, record("06.10.2026 12:06"))[1] == []


def test_the_same_content_is_stored_once_and_each_fetch_is_kept(workspace):
    content = [record(SHOWN, "5")]
    bring(
        workspace,
        ("2026-10-06 10:02:00", content),
        ("2026-10-06 10:12:00", content),
        ("2026-10-06 10:22:00", [record(SHOWN, "6")]),
    )
    assert workspace.query("select count(*) from {raw}.parking_records") == [(2,)]
    assert workspace.query("select is_new from {raw}.parking_fetches order by fetched_at") == [(True,), (False,), (True,)]


def test_records_written_twice_by_a_run_that_died_count_once(workspace):
    bring(workspace, (FETCHED, [record(SHOWN, "5")]))
    workspace.query("insert into {raw}.parking_records select * from {raw}.parking_records")
    workspace.dbt("build")
    assert workspace.query("select count(*) from {staging}.stg_parking") == [(1,)]
    assert workspace.query("select count(*) from {staging}.stg_parking_rejected") == [(0,)]


def test_a_reading_published_again_with_another_count_is_corrected(workspace):
    bring(workspace, ("2026-10-06 10:02:00", [record(SHOWN, "5")]), ("2026-10-06 10:12:00", [record(SHOWN, "6")]))
    workspace.dbt("build")
    assert workspace.query("select free_spaces from {marts}.current_occupancy") == [(6,)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"<html>", "is not JSON"), (b"{}", "is not a list of records"), (b"[]", "has no records"), (b"", "is not JSON")],
)
def test_a_body_that_is_no_list_of_records_is_an_error_and_kept(workspace, body, reason):
    with pytest.raises(FetchError, match=reason) as error:
        bring(workspace, (FETCHED, body))
    [path] = (workspace.settings.data_dir / "raw" / "rejected").iterdir()
    assert path.read_bytes() == body
    assert str(path) in str(error.value)
