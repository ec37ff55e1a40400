"""What is older than retention_days goes, once a week. Trino's part of it is in test_engines_agree.py."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from dagster import AssetSelection, DagsterInstance, Definitions, define_asset_job
from feed import FEED, bring, record
from pipeline_shared import assets
from pipeline_shared.fetch import now
from pipeline_shared.ingest import forget

OLD, LATER, NEW = "2026-10-05 10:02:00", "2026-10-06 10:02:00", "2026-10-07 10:02:00"
GONE, SHOWN = [record("05.10.2026 12:00", "1")], [record("05.10.2026 12:00", "2")]


def test_old_fetches_go_and_content_that_is_still_shown_stays(workspace):
    bring(workspace, (OLD, GONE), (LATER, SHOWN), (NEW, SHOWN))
    with workspace.lake() as lake:
        assert forget(lake, FEED, datetime.fromisoformat(OLD)) == {"parking_fetches": 0, "parking_records": 0}
        assert forget(lake, FEED, datetime.fromisoformat(NEW)) == {"parking_fetches": 2, "parking_records": 1}
    assert [str(moment) for (moment,) in workspace.query("select fetched_at from {raw}.parking_fetches")] == [NEW]
    [(text,)] = workspace.query("select record from {raw}.parking_records")
    assert '"Antall_ledige_plasser":"2"' in text
    # What comes back after it was removed is new again.
    bring(workspace, ("2026-10-08 10:02:00", GONE))
    assert workspace.query("select count(*) from {raw}.parking_records") == [(2,)]


@pytest.fixture
def job(workspace, monkeypatch):
    """Runs the step as on the platform, over DuckDB's tables, without Trino's statements; whether it would have run them."""
    pipeline = replace(workspace.settings, target="prod")
    instance, maintained = DagsterInstance.ephemeral(), []

    @contextmanager
    def lake(_):
        with workspace.lake() as opened:
            yield opened

    monkeypatch.setattr(assets, "connect", lake)
    monkeypatch.setattr(assets, "maintain", lambda *_: maintained.append(1) or [])
    made = assets.maintenance_of(pipeline, FEED, after=[])
    defs = Definitions(assets=made, jobs=[define_asset_job("everything", selection=AssetSelection.all())])

    def run(**options) -> bool:
        maintained.clear()
        assert defs.resolve_job_def("everything").execute_in_process(instance=instance, **options).success
        return bool(maintained)

    run.key = made[0].key
    return run


@pytest.mark.parametrize(("days", "due"), [(6, False), (8, True)])
def test_once_a_week_from_the_first_fetch_on(workspace, job, days, due):
    bring(workspace, (str(now() - timedelta(days=days)), GONE), (str(now()), SHOWN))
    assert job() is due
    # If it was done just now it is not due.
    assert job() is False


def test_at_once_when_asked_for_by_name(workspace, job):
    bring(workspace, (str(now()), GONE))
    assert job(asset_selection=[job.key]) is True


def test_only_if_the_manifest_says_for_how_long(workspace):
    manifest = {key: value for key, value in workspace.settings.manifest.items() if key != "retention_days"}
    assert assets.maintenance_of(replace(workspace.settings, manifest=manifest), FEED, after=[]) == []
