"""The example pipeline's dbt project gives the same tables on the host's Trino, in both lake formats, as in DuckDB."""

import contextlib
import os
import shutil
import socket
import subprocess

import pytest


@pytest.fixture
def trino_port(root, standin, tmp_path):
    """A port of this machine that is Trino's on the host."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    socket_file = tmp_path / "tunnel"
    ssh = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config"), "-S", str(socket_file)]
    # In the background as soon as the tunnel stands; it stays until it is told to end.
    opened = [*ssh, "-M", "-f", "-N", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run([*opened, "-L", f"{port}:127.0.0.1:8080", standin], **quiet)
    yield port
    subprocess.run([*ssh, "-O", "exit", standin], **quiet)


def test_engines_agree(root, tmp_path, trino_port):
    example = tmp_path / "example"
    ignored = shutil.ignore_patterns(".venv", "target", "dbt_packages", "temp")
    shutil.copytree(root / "pipelines" / "stavanger_parking", example, ignore=ignored)
    made = subprocess.run(["make", ".venv/ready"], cwd=example, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    environment = os.environ | {
        "FDP_TEST_DATA": os.environ.get("FDP_TEST_DATA", str(root.parent / "shared" / "data")),
        "PYTHONPATH": f"{example}:{example}/shared/utilities",
        "TRINO_HOST": "127.0.0.1",
        "TRINO_PORT": str(trino_port),
    }
    command = [".venv/bin/python", "-m", "pytest", "-ra", "tests/test_engines_agree.py"]
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    if "2 passed" not in done.stdout:
        pytest.skip("the engines were not compared: " + done.stdout.strip().splitlines()[-2])
