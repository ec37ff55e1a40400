"""Whole runs as Dagster does them, against the stand-in for the feed."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from conftest import ROOT
from dagster import AssetCheckSeverity
from feed import FEED, record
from feed_server import FeedServer, generate, recordings
from nbclient import NotebookClient
from pipeline_shared.fetch import Fetched
from pipeline_shared.ingest import ingest
from pipeline_shared.testing import Workspace


@contextmanager
def serving(*bodies: bytes):
    """The stand-in, with these bodies or with generated ones."""
    server = FeedServer(0, list(bodies))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data of one pipeline that runs again and again."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first_run(folder):
    """A run on the feed as it should be, and its workspace."""
    with serving() as server:
        workspace = Workspace(ROOT, folder, FEED_URL=server.address)
        return workspace, workspace.run()


def failed_checks(result) -> dict:
    return {check.check_name: check.severity for check in result.get_asset_check_evaluations() if not check.passed}


def test_a_run_makes_every_asset_and_every_check_passes(first_run):
    workspace, result = first_run
    assert result.success
    nodes = json.loads((ROOT / "dbt/target/manifest.json").read_text())["nodes"].values()
    names = {check.check_name for check in result.get_asset_check_evaluations()}
    own = {"feed_is_live", "nothing_rejected", "parking_fetches_freshness"}
    assert names == {node["name"] for node in nodes if node["resource_type"] == "test"} | own
    assert failed_checks(result) == {}
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    tables = {"raw/parking_fetches", "raw/parking_records", "staging/facilities", "marts/current_occupancy"}
    assert {f"stavanger_parking/{table}" for table in tables} <= made
    assert workspace.query("select count(*) from {marts}.current_occupancy") == [(9,)]
    # Made-up data can be told from the city's, in every fetch.
    assert all("/generated/" in source for (source,) in workspace.query("select source from {raw}.parking_fetches"))
    # Nothing of dbt's is left lying about.
    assert not list((workspace.settings.data_dir / "temp" / "dbt").iterdir())


def test_the_notebook_draws_what_the_run_made(first_run, monkeypatch):
    workspace, _ = first_run
    monkeypatch.setenv("PIPELINE_DATA_DIR", str(workspace.settings.data_dir))
    notebook = nbformat.read(ROOT / "notebooks" / "occupancy.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "notebooks")}}
    ).execute()
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


def test_a_frozen_feed_a_bad_record_and_a_new_car_park_are_warnings(first_run, folder):
    old = record("23.09.2026 19:16", "1")
    with serving(json.dumps([old, {**old, "Sted": "New"}, {**old, "Antall_ledige_plasser": "-1"}]).encode()) as server:
        result = Workspace(ROOT, folder, FEED_URL=server.address).run()
    assert result.success
    assert failed_checks(result) == {
        "feed_is_live": AssetCheckSeverity.WARN,
        "nothing_rejected": AssetCheckSeverity.WARN,
        "relationships_stg_parking_facility__facility__ref_facilities_": AssetCheckSeverity.WARN,
    }


def test_a_feed_that_stands_still_is_seen_though_last_modified_moves(tmp_path):
    """As the city's was for days: fetched all the time, with a Last-Modified of just now."""
    first = datetime.now(UTC) - timedelta(days=2)
    body = generate(first)
    with serving(body) as server:
        workspace = Workspace(ROOT, tmp_path, FEED_URL=server.address)
        with workspace.lake() as lake:
            for moment in first, first + timedelta(days=1):
                fetched = Fetched("made by hand", body, moment.replace(tzinfo=None), f"{moment:%a, %d %b %Y %H:%M:%S} GMT")
                ingest(workspace.settings, lake, FEED, fetched)
        result = workspace.run()
    assert result.success
    assert failed_checks(result) == {
        "feed_is_live": AssetCheckSeverity.WARN,
        "parking_fetches_freshness": AssetCheckSeverity.ERROR,
    }
    assert workspace.query("select count(distinct last_modified) from {raw}.parking_fetches") == [(3,)]


@pytest.mark.parametrize(
    ("address", "message"),
    [("{server}/elsewhere", "answered HTTP 404"), ("ftp://example.org", "neither http"), ("", "can't be read")],
)
def test_a_fetch_that_fails_fails_the_run(first_run, folder, address, message):
    before = first_run[0].query("select count(*) from {raw}.parking_fetches")
    with serving() as server:
        result = Workspace(ROOT, folder, FEED_URL=address.format(server=server.address)).run()
    assert not result.success
    assert message in result.failure_data_for_node("ingest").error.cause.message
    assert first_run[0].query("select count(*) from {raw}.parking_fetches") == before


def test_the_stand_in_serves_one_recording_after_the_other(tmp_path):
    for name in "2.json", "1.json", "1.meta.json":
        (tmp_path / name).write_text(name)
    assert recordings(tmp_path, None) == [b"1.json", b"2.json"]
    assert recordings(tmp_path, "2") == [b"2.json"]
    with pytest.raises(SystemExit, match="there is no 3 in"):
        recordings(tmp_path, "3")
    with serving(*recordings(tmp_path, None)) as server:
        assert [server.next_body() for _ in range(3)] == [b"1.json", b"2.json", b"2.json"]


def test_generated_data_has_the_feeds_shape():
    moment = datetime(2026, 10, 25, 0, 31, tzinfo=UTC)
    records = json.loads(generate(moment))
    assert len(records) == 9
    assert all(list(entry) == list(record("25.10.2026 02:30")) for entry in records)
    assert {(entry["Dato"], entry["Klokkeslett"]) for entry in records} == {("25.10.2026", "02:30")}
    assert generate(moment) == generate(moment) != generate(datetime(2026, 10, 25, 1, 31, tzinfo=UTC))
