# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What git has of a pipeline's folder, and the id of its content."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import pipeline_source
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_fault import SourceError
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import (
    files_of,
    pack,
    release_id,
)

MANIFEST = """
name: sales
title: Sales
owner: {team: Shop, email: shop@example.org}
schedule: "0 * * * *"
format: iceberg
schemas: [raw]
"""


@pytest.fixture
def repository(tmp_path) -> Path:
    """A git repository with a few files."""
    folder = tmp_path / "sales"
    (folder / "scripts").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(MANIFEST)
    (folder / "scripts" / "run.sh").write_text("exit 0\n")
    (folder / "scripts" / "run.sh").chmod(0o755)
    (folder / ".gitignore").write_text("data/\n")
    (folder / "data").mkdir()
    (folder / "data" / "big.csv").write_text("ignored")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


# -- files


def test_new_files_are_taken_and_ignored_ones_are_not(repository):
    assert list(files_of(repository)) == [".gitignore", "pipeline.yml", "scripts/run.sh"]


def test_a_name_that_git_would_quote(repository):
    (repository / "blå bær.txt").write_text("x")
    assert "blå bær.txt" in files_of(repository)


def test_a_file_that_git_knows_but_that_is_gone(repository):
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    (repository / "scripts" / "run.sh").unlink()
    assert list(files_of(repository)) == [".gitignore", "pipeline.yml"]


def test_a_link_to_a_folder_of_the_same_repository_is_what_it_stands_for(repository):
    inner = repository / "pipelines" / "sales"
    (inner / "dbt").mkdir(parents=True)
    (inner / "dbt" / "model.sql").write_text("select 1")
    (repository / "shared" / "utilities").mkdir(parents=True)
    (repository / "shared" / "utilities" / "code.py").write_text("")
    (inner / "shared").symlink_to("../../shared")
    assert list(files_of(inner)) == ["dbt/model.sql", "shared/utilities/code.py"]


def test_a_link_out_of_the_repository_is_refused(repository, tmp_path):
    (tmp_path / "secret").write_text("x")
    (repository / "link").symlink_to("../secret")
    with pytest.raises(SourceError, match=r"link is a link that leads out of its repository, to .*secret: replace it"):
        files_of(repository)


def test_a_link_to_nothing_is_refused(repository):
    (repository / "link").symlink_to("nowhere")
    with pytest.raises(SourceError, match="link is a link to nothing: remove it, or mend it"):
        files_of(repository)


@pytest.mark.parametrize("target", ["data/big.csv", ".git", ".git/config"])
def test_a_link_to_what_git_ignores_is_refused(repository, target):
    """A key lies in many a checkout, ignored; a link would ship it."""
    (repository / "link").symlink_to(target)
    with pytest.raises(SourceError, match=rf"link is a link to .*/{target}, which git ignores: remove it"):
        files_of(repository)


def test_a_link_to_a_folder_that_git_ignores_brings_nothing(repository):
    (repository / "link").symlink_to("data")
    assert [name for name in files_of(repository) if name.startswith("link")] == []


def test_a_link_within_the_repository(repository):
    (repository / "link").symlink_to("scripts/run.sh")
    assert files_of(repository)["link"] == repository / "scripts" / "run.sh"


@pytest.mark.parametrize(("name", "target"), [("again", "."), ("scripts/up", ".."), ("scripts/self", ".")])
def test_a_link_to_a_folder_that_it_lies_in_is_refused(repository, name, target):
    (repository / name).symlink_to(target)
    with pytest.raises(SourceError, match=f"{name} is a link to .*, which it lies in: remove it"):
        files_of(repository)


def test_links_that_lead_to_each_other_are_refused(repository):
    for folder, link in (("one", "two"), ("two", "one")):
        (repository / folder).mkdir()
        (repository / folder / "link").symlink_to(f"../{link}")
    with pytest.raises(SourceError, match="which it lies in: remove it"):
        files_of(repository)


def test_two_links_to_one_folder(repository):
    for link in "a", "b":
        (repository / link).symlink_to("scripts")
    assert {"a/run.sh", "b/run.sh"} <= files_of(repository).keys()


def test_a_repository_inside(repository):
    inner = repository / "inner"
    subprocess.run(["git", "init", "--quiet", str(inner)], check=True)
    (inner / "code.py").write_text("")
    assert "inner/code.py" in files_of(repository)


# -- a repository that means no good


def configure(repository: Path, name: str, value: str) -> None:
    subprocess.run(["git", "-C", str(repository), "config", name, value], check=True)


def test_nothing_that_a_repository_names_is_run(repository, tmp_path):
    ran = tmp_path / "ran"
    script = repository / "scripts" / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    subprocess.run(["git", "-C", str(repository), "add", "."], check=True)
    configure(repository, "core.fsmonitor", str(script))
    configure(repository, "core.pager", str(script))
    # That it would be run, if it were not for us.
    subprocess.run(["git", "-C", str(repository), "ls-files"], check=True, capture_output=True)
    assert ran.exists()
    ran.unlink()
    assert "scripts/run.sh" in files_of(repository)
    assert not ran.exists()


def test_nor_what_a_repository_hidden_among_its_files_names(repository, tmp_path):
    """A folder that looks like a bare repository is taken for one by git."""
    ran = tmp_path / "ran"
    hidden = repository / "pipelines"
    subprocess.run(["git", "init", "--quiet", "--bare", str(hidden)], check=True)
    (hidden / "pipeline.yml").write_text(MANIFEST)
    configure(hidden, "core.bare", "false")
    configure(hidden, "core.worktree", str(repository))
    configure(hidden, "core.fsmonitor", f"touch {ran}; false")
    with pytest.raises(SourceError, match="git can't list"):
        files_of(hidden)
    assert not ran.exists()


def test_a_repository_does_not_say_where_its_files_lie(repository, tmp_path):
    """Otherwise a link could lead anywhere."""
    (tmp_path / "secret").write_text("x")
    (repository / "link").symlink_to("../secret")
    for elsewhere in "/", str(tmp_path):
        configure(repository, "core.worktree", elsewhere)
        with pytest.raises(SourceError, match=rf"git takes {elsewhere} for the repository of .*: remove core\.worktree from"):
            files_of(repository)


def test_one_that_another_user_owns(repository, monkeypatch):
    # Known to git's own tests alone; the real thing would need a second user.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SourceError) as caught:
        files_of(repository)
    assert str(caught.value) == (
        f"{repository} belongs to another user, who would decide what is deployed: deploy it as that user, take it over with "
        f"`chown -R`, or, if you trust that user, run `git config --global --add safe.directory {repository}`"
    )


def test_where_a_play_is_started_from_does_not_matter(repository, tmp_path, monkeypatch):
    """git sets these for its hooks."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert "pipeline.yml" in files_of(repository)


def test_no_repository(tmp_path):
    with pytest.raises(SourceError, match=r"git can't list .*: a pipeline is a git repository, run `git init` there"):
        files_of(tmp_path)


def test_no_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceError, match="git is not installed on this machine"):
        files_of(repository)


# -- the id


def test_the_same_content_elsewhere_is_the_same_release(repository, tmp_path):
    before = release_id(files_of(repository))
    assert len(before) == pipeline_source.ID_LENGTH
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy)
    os.utime(copy / "pipeline.yml", (0, 0))
    assert release_id(files_of(copy)) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "pipeline.yml").write_text(MANIFEST + "\n"),
        lambda folder: (folder / "new").write_text(""),
        lambda folder: (folder / "scripts" / "run.sh").rename(folder / "scripts" / "go.sh"),
        lambda folder: (folder / "scripts" / "run.sh").chmod(0o644),
    ],
    ids=["content", "new file", "name", "mode"],
)
def test_what_makes_another_release(repository, change):
    before = release_id(files_of(repository))
    change(repository)
    assert release_id(files_of(repository)) != before


def test_what_git_ignores_makes_none(repository):
    before = release_id(files_of(repository))
    (repository / "data" / "big.csv").write_text("other")
    assert release_id(files_of(repository)) == before


# -- what travels


def test_a_bundle_has_the_files_and_nothing_of_this_machine(repository, tmp_path):
    pack(files_of(repository), tmp_path / "bundle.tar")
    with tarfile.open(tmp_path / "bundle.tar") as bundle:
        members = bundle.getmembers()
        assert bundle.extractfile("./pipeline.yml").read().decode() == MANIFEST
    assert {m.name: m.mode for m in members} == {"./.gitignore": 0o644, "./pipeline.yml": 0o644, "./scripts/run.sh": 0o755}
    assert {(m.uid, m.gid, m.uname, m.mtime) for m in members} == {(0, 0, "", 0)}


def test_the_id_is_that_of_what_was_packed(repository, tmp_path, monkeypatch):
    """One read after the other: whoever edits in between changes neither."""
    files = files_of(repository)
    before = release_id(files)
    read = pipeline_source._read

    def edited(path: Path):
        content = read(path)
        path.write_text("edited")
        return content

    monkeypatch.setattr(pipeline_source, "_read", edited)
    assert pack(files, tmp_path / "bundle.tar") == before
    with tarfile.open(tmp_path / "bundle.tar") as bundle:
        assert bundle.extractfile("./pipeline.yml").read().decode() == MANIFEST


def test_a_file_that_goes_away(repository, tmp_path):
    files = files_of(repository)
    (repository / "pipeline.yml").unlink()
    with pytest.raises(SourceError, match=r"pipeline\.yml went away while it was read: deploy again"):
        pack(files, tmp_path / "bundle.tar")
