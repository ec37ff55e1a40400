"""The pipeline in a scratch folder."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feed_server import generate
from pipeline_shared.prepare import prepare
from pipeline_shared.testing import Workspace

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("FDP_TEST_DATA", ROOT.parent.parent.parent / "shared" / "data"))


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


def recorded() -> list[tuple[str, bytes]]:
    """The city's feed as it was recorded, if the recordings are here: (time of the fetch in UTC, body)."""
    files = sorted((RECORDINGS / "stavanger_parking" / "snapshots").glob("*Z.json"))
    return [(str(datetime.strptime(path.stem, "%Y-%m-%dT%H%M%SZ")), path.read_bytes()) for path in files]


@pytest.fixture(scope="session")
def recordings() -> list[tuple[str, bytes]]:
    """The city's feed as it was recorded."""
    return recorded() or pytest.skip(
        f"no recordings in {RECORDINGS}/stavanger_parking/snapshots: name the folder with FDP_TEST_DATA"
    )


@pytest.fixture(scope="session")
def history() -> list[tuple[str, bytes]]:
    """Two days of the feed: as it was recorded or, where the recordings are not, as the stand-in for the feed makes it up."""
    hours = [datetime(2026, 10, 5, 12, 2, tzinfo=UTC) + timedelta(hours=number) for number in range(0, 48, 4)]
    return recorded() or [(f"{moment:%Y-%m-%d %H:%M:%S}", generate(moment)) for moment in hours]
