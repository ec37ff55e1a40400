"""Whole runs as Dagster does them."""

import json
from datetime import timedelta

import nbformat
import pytest
from conftest import ROOT
from dagster import AssetCheckSeverity
from feed import bring, record
from nbclient import NotebookClient
from pipeline_shared.fetch import now
from pipeline_shared.testing import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data of one pipeline that runs again and again."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first_run(folder):
    """A run on the example feed, and its workspace."""
    workspace = Workspace(ROOT, folder, FEED_URL="config/example_feed.json")
    return workspace, workspace.run()


def failed_checks(result) -> dict:
    return {check.check_name: check.severity for check in result.get_asset_check_evaluations() if not check.passed}


def test_a_run_makes_every_asset_and_every_check_passes(first_run):
    workspace, result = first_run
    assert result.success
    nodes = json.loads((ROOT / "dbt/target/manifest.json").read_text())["nodes"].values()
    names = {check.check_name for check in result.get_asset_check_evaluations()}
    own = {"nothing_rejected", "measurements_fetches_freshness"}
    assert names == {node["name"] for node in nodes if node["resource_type"] == "test"} | own
    assert failed_checks(result) == {}
    assert workspace.query("select sum(measurements), sum(above_limit) from {marts}.daily_measurements") == [(6, 1)]


def test_the_notebook_draws_what_the_run_made(first_run, monkeypatch):
    workspace, _ = first_run
    monkeypatch.setenv("PIPELINE_DATA_DIR", str(workspace.settings.data_dir))
    notebook = nbformat.read(ROOT / "notebooks" / "measurements.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "notebooks")}}
    ).execute()
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


def test_a_bad_record_and_a_new_station_are_warnings(first_run, folder, tmp_path):
    feed = tmp_path / "feed.json"
    feed.write_text(json.dumps([record("2026-01-07 08:00", station="New"), record("2026-01-07 08:00", "broken")]))
    result = Workspace(ROOT, folder, FEED_URL=str(feed)).run()
    assert result.success
    assert failed_checks(result) == {
        "nothing_rejected": AssetCheckSeverity.WARN,
        "relationships_stg_measurements_station__station__ref_stations_": AssetCheckSeverity.WARN,
    }


def test_a_feed_that_stands_still_is_a_warning(tmp_path):
    workspace = Workspace(ROOT, tmp_path, FEED_URL="config/example_feed.json")
    content = (ROOT / "config" / "example_feed.json").read_bytes()
    bring(workspace, (str(now() - timedelta(days=2)), content), (str(now() - timedelta(hours=1)), content))
    result = workspace.run()
    assert result.success
    assert failed_checks(result) == {"measurements_fetches_freshness": AssetCheckSeverity.WARN}


def test_a_fetch_that_fails_fails_the_run(first_run, folder):
    before = first_run[0].query("select count(*) from {raw}.measurements_fetches")
    result = Workspace(ROOT, folder, FEED_URL="config/no_such_file.json").run()
    assert not result.success
    assert "no_such_file.json can't be read" in result.failure_data_for_node("ingest").error.cause.message
    assert first_run[0].query("select count(*) from {raw}.measurements_fetches") == before
