# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""`make clean` removes what is ours, and nothing of a folder that somebody else has things in too."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = ("bash", "cat", "dirname", "rm", "rmdir")  # no docker: the machine's own images are not what is tested


@pytest.fixture
def checkout(root, tmp_path) -> Path:
    """A checkout with nothing but the scripts."""
    folder = tmp_path / "checkout"
    shutil.copytree(root / "scripts", folder / "scripts")
    (folder / ".venv").mkdir()
    return folder


@pytest.fixture
def clean(checkout, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name))

    def run(**environment: str) -> subprocess.CompletedProcess:
        given = {"PATH": str(tools), "HOME": str(tmp_path / "home")} | environment
        return subprocess.run([checkout / "scripts" / "clean.sh"], env=given, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def fill(root):
    """Puts into a folder what the platform keeps in its cache."""
    source = "".join((root / "plugins/module_utils" / f"{name}.py").read_text() for name in ("artifacts", "pipeline_source"))
    names = re.findall(r'cache_dir\(\) / "(\w+)"', source)
    assert {"artifacts", "pipelines"} <= set(names)

    def make(cache: Path) -> None:
        for name in names:
            (cache / name).mkdir(parents=True)
            (cache / name / "file").touch()

    return make


def test_the_platforms_own_folder_goes_whole(clean, fill, checkout, tmp_path):
    ours = tmp_path / "home" / ".cache" / "foss-data-platform"
    fill(ours)
    (ours / "left by an older version").touch()
    done = clean()
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "home" / ".cache") == []
    assert not (checkout / ".venv").exists()


def test_a_folder_of_somebodys_own_keeps_what_is_not_ours(clean, fill, tmp_path):
    shared = tmp_path / "home" / ".cache"
    fill(shared)
    (shared / "browser").mkdir()
    done = clean(FDP_CACHE=str(shared))
    assert done.returncode == 0, done.stderr
    assert os.listdir(shared) == ["browser"]
    (shared / "browser").rmdir()
    fill(shared)
    assert clean(FDP_CACHE=str(shared)).returncode == 0
    assert not shared.exists()


def test_not_while_a_stand_in_is_there(clean, checkout):
    (checkout / ".sandbox").mkdir()
    done = clean()
    assert (done.returncode, done.stderr) == (
        1,
        "error: stand-ins are still there (.sandbox): run 'make sandbox-down' first\n",
    )
    assert (checkout / ".venv").exists()
