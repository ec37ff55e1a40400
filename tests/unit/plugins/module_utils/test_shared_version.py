# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What pipelines share has versions: each content is known by one, and a pipeline carries one that is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import shared_version
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of


@pytest.fixture
def pipeline(root, tmp_path) -> Path:
    """A repository with a copy of shared, as the template makes it."""
    shutil.copytree(root / "pipelines" / "shared", tmp_path / "sales" / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "-q", tmp_path / "sales"], check=True)
    return tmp_path / "sales"


@pytest.fixture
def another(monkeypatch, tmp_path) -> None:
    """A version that is known beside those that are."""
    versions = tmp_path / "versions.json"
    versions.write_text(json.dumps(shared_version.known_versions() | {"9.0.0": "0" * 64}))
    monkeypatch.setattr(shared_version, "VERSIONS", versions)


def fault(folder: Path) -> str:
    said = shared_version.shared_version_fault(files_of(folder))
    assert "\n" not in said
    return said


def test_shared_as_it_is_here_is_known_by_its_version(root):
    """It fails where shared was changed: run scripts/shared_version.py, with a new version if this one was given out."""
    files = files_of(root / "pipelines" / "shared")
    version = (root / "pipelines" / "shared" / "VERSION").read_text().strip()
    assert shared_version.known_versions().get(version) == shared_version.content_sum(files)
    project = (root / "pipelines" / "shared" / "dbt" / "dbt_project.yml").read_text()
    assert re.search(r"(?m)^version: (.*)", project)[1] == version


def test_no_two_versions_have_the_same_content():
    sums = list(shared_version.known_versions().values())
    assert len(set(sums)) == len(sums)


def test_a_copy_and_the_examples_link_are_fine(root, pipeline):
    assert fault(pipeline) == ""
    assert fault(root / "pipelines" / "stavanger_parking") == ""


def test_what_python_leaves_beside_it_does_not_count(pipeline):
    (pipeline / ".gitignore").write_text("__pycache__/\n")
    (pipeline / "shared" / "utilities" / "__pycache__").mkdir()
    (pipeline / "shared" / "utilities" / "__pycache__" / "x.pyc").write_text("x")
    assert fault(pipeline) == ""


def edited(pipeline: Path) -> None:
    (pipeline / "shared" / "dbt" / "macros" / "percent.sql").write_text("mine")


def added(pipeline: Path) -> None:
    (pipeline / "shared" / "utilities" / "mine.py").write_text("")


def removed(pipeline: Path) -> None:
    (pipeline / "shared" / "dbt" / "macros" / "percent.sql").unlink()


def moved(pipeline: Path) -> None:
    (pipeline / "shared" / "dbt" / "macros" / "percent.sql").rename(pipeline / "shared" / "dbt" / "macros" / "other.sql")


def said_to_be_another(pipeline: Path) -> None:
    (pipeline / "shared" / "VERSION").write_text("9.0.0\n")


@pytest.mark.parametrize("change", [edited, added, removed, moved, said_to_be_another])
def test_one_that_is_not_as_it_was_given_out_is_refused(pipeline, another, change):
    change(pipeline)
    assert "its shared/ is not what version " in fault(pipeline)


@pytest.mark.parametrize("version", ["9.9.9", "", "x" * 100_000, "é\n\nx"])
def test_a_version_that_nobody_knows_is_refused(pipeline, version):
    (pipeline / "shared" / "VERSION").write_text(version)
    assert "which this platform does not know (it knows 0.2.0" in fault(pipeline)
    assert len(fault(pipeline)) < 300


def test_one_without_a_version_is_refused(pipeline):
    (pipeline / "shared" / "VERSION").unlink()
    assert "without a VERSION" in fault(pipeline)


def test_a_pipeline_without_any_is_not_held_against_it(tmp_path):
    assert shared_version.shared_version_fault({"pipeline.yml": tmp_path}) == ""


def test_one_may_move_while_another_stays(pipeline, another):
    """The platform goes on knowing the versions before."""
    assert fault(pipeline) == ""
