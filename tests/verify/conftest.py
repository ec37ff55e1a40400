"""What the tests of a deployed host need. They log in by ssh, as the playbooks do."""

import json
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def standin() -> str:
    """Name of the stand-in VPS under test."""
    return os.environ.get("STANDIN", "sandbox")


@pytest.fixture(scope="session")
def runs(root: Path, standin: str) -> list[dict]:
    """Figures of every play on this stand-in since it was blank, as the callback `role_budget` wrote them down."""
    return [json.loads(line) for line in (root / ".sandbox" / standin / "runs.jsonl").read_text().splitlines()]
