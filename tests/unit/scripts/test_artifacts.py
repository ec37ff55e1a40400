# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The catalogue from the command line."""

import os
import subprocess
import sys

import pytest
import yaml


def run(root, cache, *arguments) -> subprocess.CompletedProcess:
    """scripts/artifacts.py with a cache of its own."""
    command = [sys.executable, str(root / "scripts/artifacts.py"), *map(str, arguments)]
    return subprocess.run(command, env=os.environ | {"FDP_CACHE": str(cache)}, capture_output=True, text=True, check=False)


@pytest.fixture
def table(root, cache) -> str:
    """What `make versions` prints."""
    done = run(root, cache, "table")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_table_has_all_that_is_installed(root, table):
    entries = yaml.safe_load((root / "group_vars/all/artifacts.yml").read_text())["artifacts"]
    rows = [line.split()[0] for line in table.splitlines()[1:]]
    further = [c.split(":")[1] for entry in entries.values() for c in entry.get("extra", {"files": {}})["files"]]
    assert len(further) > 1
    assert sorted(rows) == sorted([*entries, *further])
    assert "{version}" not in table


def test_table_in_the_documentation_is_this_one(root, table):
    told = (root / "docs/ARTIFACTS.md").read_text()
    assert "".join(f"    {line}\n" for line in table.splitlines()) in told


def test_unpack_lays_what_a_host_keeps_into_a_folder(root, cache, tmp_path):
    done = run(root, cache, "unpack", "--mirror", tmp_path / "nowhere", "pico", tmp_path / "assets")
    assert done.returncode == 1
    assert done.stderr.startswith(f"the mirror does not have pico 2.1.1: {tmp_path}/nowhere/pico/2.1.1/picocss-pico-2.1.1.tgz")
    assert not (tmp_path / "assets").exists()
