"""What the tests of faults share. Each puts back what it changes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def figures(play: Callable, tmp_path: Path) -> Callable[..., dict]:
    """What a play did, by role, as the callback `role_budget` reports it."""

    def run(name: str, *arguments: str) -> dict:
        report = tmp_path / name
        done = play(*arguments, ROLE_BUDGET_REPORT=str(report))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(report.read_text())["roles"]

    return run


@pytest.fixture
def minio_memory(host) -> int:
    """Ceiling of MinIO's unit in MiB, as deployed."""
    return int(host.check_output("systemctl show --value --property=MemoryMax minio")) // 2**20


@pytest.fixture
def site(root, tmp_path) -> Path:
    """A copy of the inventory, without its credentials."""
    inventory = tmp_path / "inventories" / "sandbox"
    shutil.copytree(root / "inventories" / "sandbox", inventory, ignore=shutil.ignore_patterns("*.sops.yaml"))
    # The inventory names the keys to log in with by a path relative to itself.
    (tmp_path / ".sandbox").symlink_to(root / ".sandbox")
    return inventory
