"""What the tests of faults share. Each puts back what it changes."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def refusal(play) -> Callable[..., str]:
    """Run a playbook that has to fail and change nothing; the one error that it ends with."""

    def run(*arguments: str, **options) -> str:
        done = play(*arguments, **options)
        errors = re.findall(r"^\[ERROR\]: (.*)", done.stdout + done.stderr, re.MULTILINE)
        assert (bool(done.returncode), len(errors)) == (True, 1), done.stdout + done.stderr
        assert not re.search(r"changed=[1-9]", done.stdout), done.stdout
        return errors[0]

    return run


@pytest.fixture
def invocation(host) -> Callable[[str], str]:
    """Which start of a unit is the running one."""
    return lambda unit: host.check_output("systemctl show --value --property=InvocationID %s", unit)


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
def clean(play) -> Callable[..., None]:
    """Run a playbook that finds nothing to do: the host is whole."""

    def run(*arguments: str) -> None:
        done = play(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"changed=0 .*failed=0", done.stdout), done.stdout

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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A TCP port of this machine on which nobody listens, and which nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
