"""The pipeline in a scratch folder."""

import os
from pathlib import Path

import pytest
from pipeline_shared.prepare import prepare
from pipeline_shared.testing import Workspace

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def prepared(tmp_path_factory) -> None:
    """dbt's packages and manifest, without which nothing loads."""
    os.environ["PIPELINE_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))
    prepare(ROOT)


@pytest.fixture
def workspace(tmp_path_factory) -> Workspace:
    """The pipeline with no data yet."""
    workspace = Workspace(ROOT, tmp_path_factory.getbasetemp() / "workspace")
    # In one folder for all tests: dbt would parse everything anew for another.
    workspace.empty()
    return workspace
