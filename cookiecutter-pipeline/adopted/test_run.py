"""A whole run as Dagster does it, on DuckDB."""

from conftest import ROOT
from dagster import AssetCheckSeverity
from pipeline_shared.testing import Workspace


def test_a_run_makes_every_table_and_no_test_fails(tmp_path):
    result = Workspace(ROOT, tmp_path).run()
    checks = result.get_asset_check_evaluations()
    assert [check.check_name for check in checks if not check.passed and check.severity == AssetCheckSeverity.ERROR] == []
    assert result.success
