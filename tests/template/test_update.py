# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline keeps up with the template: what it edited meanwhile stays, what both changed is marked. Nothing is installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE, PIPELINE = "cookiecutter-pipeline", "cookiecutter-pipeline/{{cookiecutter.name}}"
LOGO = "docs/logo.png"  # no text


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True).stdout


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    return git(folder, "rev-parse", "HEAD").strip()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, path
    path.write_text(text.replace(old, new))


def render(platform: Path, folder: Path, *answers: str) -> Path:
    command = [sys.executable, "-W", "ignore", "-m", "cookiecutter", str(platform / TEMPLATE), "--no-input", "--default-config"]
    subprocess.run([*command, "--output-dir", str(folder), "name=sales", *answers], check=True, capture_output=True)
    return folder / "sales"


def newest(platform: Path) -> None:
    """The template as it is in this checkout, with the logo that a site put into it."""
    for part in (TEMPLATE, "pipelines/shared"):
        shutil.rmtree(platform / part, ignore_errors=True)
        shutil.copytree(ROOT / part, platform / part, ignore=shutil.ignore_patterns("__pycache__"))
    (platform / PIPELINE / LOGO).write_bytes(b"\x89PNG\0 new")


def older(platform: Path) -> None:
    """What the template was before: other lines, one file that went since, and two that are new since."""
    made = platform / PIPELINE
    change(platform / TEMPLATE / "cookiecutter.json", '"_version": "', '"_version": "0.0.')
    change(made / "Makefile", "# Work on this pipeline.", "# How to work on this pipeline.")
    change(made / "pytest.ini", "addopts = -ra --strict-markers", "addopts = -ra")
    change(made / "scripts/run.py", '"""Run the whole pipeline once', '"""Run all of the pipeline once')
    change(made / "pipeline.yml", "memory_mb: 1024", "memory_mb: 2048")
    change(platform / "pipelines/shared/README.md", "# What pipelines share", "# What all pipelines share")
    (made / "scripts/gone.py").write_text("print('gone')\n")
    (made / "docs/gone.md").write_text("# Gone\n")
    (made / LOGO).write_bytes(b"\x89PNG\0 old")
    (made / "tests/test_checks.py").unlink()
    (made / "config/dagster.yaml").unlink()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The platform's repository with two commits of the template, a pipeline made from each."""
    top = tmp_path_factory.mktemp("world")
    platform = top / "platform"
    git(top, "init", "-q", "-b", "main", "platform")
    newest(platform)
    older(platform)
    commit(platform)
    render(platform, top / "old", "title=Sales of the day", "format=delta", "streaming=yes")
    newest(platform)
    commit(platform)
    render(platform, top / "new", "title=Sales of the day", "format=delta", "streaming=yes")
    return top


@pytest.fixture
def sales(world, tmp_path) -> Path:
    """A pipeline made from the older template."""
    return Path(shutil.copytree(world / "old" / "sales", tmp_path / "sales"))


def run(pipeline: Path, what: str, template: Path | str, **environment: str) -> subprocess.CompletedProcess:
    """What make runs."""
    return subprocess.run(
        [sys.executable, "scripts/template.py", what],
        cwd=pipeline,
        env=os.environ | {"TEMPLATE": str(template), "PYTHONPATH": f"{pipeline}:{pipeline}/shared/utilities"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def said(done: subprocess.CompletedProcess) -> dict[str, str]:
    """What was done to each file."""
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line and not line.startswith("Next"))


def test_it_remembers_the_commit_and_the_answers(world, sales):
    state = json.loads((sales / ".template.json").read_text())
    [_, first] = git(world / "platform", "rev-list", "HEAD").split()
    assert state["commit"] == first
    assert state["version"].startswith("0.0.")
    assert (state["answers"]["title"], state["answers"]["format"], state["answers"]["streaming"]) == (
        "Sales of the day",
        "delta",
        "yes",
    )
    # Nothing of the machine that it was made on.
    assert not [name for name in state["answers"] if name.startswith("_")]
    assert str(world) not in json.dumps(state)


def test_without_edits_it_is_as_if_made_from_the_newest(world, sales):
    done = run(sales, "update", world / "platform")
    assert (done.returncode, done.stderr) == (0, "")
    assert files(sales) == files(world / "new" / "sales")
    assert "nothing is committed. 0 to decide" in done.stdout
    assert git(sales, "log", "--format=%s").count("\n") == 1
    # Reviewed and committed, it is where the template is.
    commit(sales)
    for what in ("check", "update"):
        again = run(sales, what, world / "platform")
        assert (again.returncode, again.stdout.partition(" (")[0]) == (0, "up to date with the template")
    assert git(sales, "status", "--porcelain") == ""


def test_from_the_first_template_that_there_was(tmp_path):
    """This repository's own history: a pipeline of back then, which remembers nothing, is told what it was made from."""
    if git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("this checkout has no history")
    git(tmp_path, "clone", "-q", str(ROOT), "platform")
    newest = render(tmp_path / "platform", tmp_path / "new")
    first = git(tmp_path / "platform", "log", "--format=%H", "--diff-filter=A", "--", f"{TEMPLATE}/cookiecutter.json").split()[-1]
    git(tmp_path / "platform", "checkout", "-q", first)
    sales = render(tmp_path / "platform", tmp_path / "old")
    git(tmp_path / "platform", "checkout", "-q", "-")
    (sales / "scripts" / "template.py").write_bytes((newest / "scripts" / "template.py").read_bytes())
    (sales / "scripts" / "template.py").chmod(0o755)
    (sales / ".template.json").write_text(json.dumps({"commit": first, "answers": {"name": "sales"}}))
    change(sales / "pipeline.yml", "memory_mb: 1024", "memory_mb: 2048")
    commit(sales)
    done = run(sales, "update", tmp_path / "platform")
    assert done.returncode == 0, done.stdout + done.stderr
    change(sales / "pipeline.yml", "memory_mb: 2048", "memory_mb: 1024")
    assert files(sales) == files(newest)


def test_edits_made_in_between_stay(world, sales):
    change(sales / "Makefile", "--python-version 3.11", "--python-version 3.12")
    change(sales / "pipeline.yml", "timezone: UTC", "timezone: Europe/Oslo")
    (sales / "mine.py").write_text("mine")
    shutil.rmtree(sales / "notebooks")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 0, done.stdout + done.stderr
    assert said(done)["Makefile"] == "merged with what you changed"
    makefile = (sales / "Makefile").read_text()
    assert "--python-version 3.12" in makefile
    assert makefile.startswith("# Work on this pipeline.")
    manifest = (sales / "pipeline.yml").read_text()
    assert "timezone: Europe/Oslo" in manifest
    assert "memory_mb: 1024" in manifest
    assert (sales / "mine.py").read_text() == "mine"
    # The template did not change it, so it was not even asked about.
    assert not (sales / "notebooks").exists()


def test_what_both_changed_is_marked(world, sales):
    change(sales / "Makefile", "# How to work on this pipeline.", "# Our pipeline.")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 1
    assert "1 to decide" in done.stdout
    assert said(done)["Makefile"].startswith("CONFLICT: both changed the same lines")
    text = (sales / "Makefile").read_text()
    assert text.startswith("<<<<<<< yours\n# Our pipeline.")
    assert "=======\n# Work on this pipeline." in text
    assert ">>>>>>> template 0." in text
    # All others moved on.
    assert said(done)["pytest.ini"] == "changed"


def test_what_one_of_them_removed(world, sales):
    (sales / "pytest.ini").unlink()
    change(sales / "docs/gone.md", "# Gone", "# Kept")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 1
    found = said(done)
    assert found["pytest.ini"] == "left out, you removed it"
    assert not (sales / "pytest.ini").exists()
    assert found["scripts/gone.py"] == "removed"
    assert not (sales / "scripts/gone.py").exists()
    assert found["docs/gone.md"].startswith("CONFLICT: the template has it no more")
    assert (sales / "docs/gone.md").read_text() == "# Kept\n"
    assert found["config/dagster.yaml"] == "new"


def test_what_is_no_text_lies_beside_it(world, sales):
    (sales / LOGO).write_bytes(b"\x89PNG\0 ours")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 1
    assert "it is no text" in said(done)[LOGO]
    assert (sales / LOGO).read_bytes() == b"\x89PNG\0 ours"
    assert (sales / f"{LOGO}.from-template").read_bytes() == b"\x89PNG\0 new"


def test_a_file_of_its_own_where_the_template_has_a_new_one(world, sales):
    (sales / "config/dagster.yaml").write_text("ours: true\n")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 1
    text = (sales / "config/dagster.yaml").read_text()
    assert "<<<<<<< yours\nours: true\n=======" in text


def test_the_mode_is_the_pipelines_where_it_changed_it(world, sales):
    (sales / "pytest.ini").chmod(0o755)
    change(sales / "pytest.ini", "testpaths = tests", "testpaths = tests more")
    commit(sales)
    assert run(sales, "update", world / "platform").returncode == 0
    assert os.access(sales / "pytest.ini", os.X_OK)
    assert os.access(sales / "scripts/run.py", os.X_OK)


def test_it_writes_nowhere_else_and_over_no_folder(world, sales, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.py").write_text("theirs")
    (outside / "pytest.ini").write_text("theirs")
    (sales / "pytest.ini").unlink()
    (sales / "pytest.ini").symlink_to(outside / "pytest.ini")
    shutil.rmtree(sales / "config")
    (sales / "config").symlink_to(outside)
    (sales / LOGO).unlink()
    (sales / LOGO).mkdir()
    (sales / LOGO / "x").write_text("x")
    (sales / "tests" / "test_checks.py").symlink_to(tmp_path / "nothing")
    commit(sales)
    done = run(sales, "update", world / "platform")
    assert done.returncode == 1
    alone = [name for name, what in said(done).items() if "was left alone" in what]
    assert sorted(alone) == sorted(["config/dagster.yaml", LOGO, "pytest.ini", "tests/test_checks.py"])
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"run.py": "theirs", "pytest.ini": "theirs"}
    assert not (tmp_path / "nothing").exists()


def test_inside_a_larger_repository(world, tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "all")
    made = Path(
        shutil.copytree(world / "old" / "sales", tmp_path / "all" / "pipelines" / "sales", ignore=shutil.ignore_patterns(".git"))
    )
    commit(tmp_path / "all")
    (tmp_path / "all" / "another's").write_text("not committed")
    assert run(made, "update", world / "platform").returncode == 0
    assert files(made) == files(world / "new" / "sales")


def test_from_a_git_hook_it_is_the_same(world, sales, tmp_path):
    done = run(sales, "update", world / "platform", GIT_DIR=str(tmp_path / "other"), GIT_INDEX_FILE=str(tmp_path / "index"))
    assert done.returncode == 0, done.stderr
    assert files(sales) == files(world / "new" / "sales")


def test_check_says_that_it_is_behind_and_changes_nothing(world, sales):
    before = files(sales)
    done = run(sales, "check", world / "platform")
    assert done.returncode == 1
    assert done.stdout.startswith("behind: ")
    assert "make template-update" in done.stdout
    assert files(sales) == before


def test_what_moved_on_in_the_platform_alone_is_not_behind(world, tmp_path):
    platform = tmp_path / "platform"
    git(tmp_path, "clone", "-q", str(world / "platform"), str(platform))
    (platform / "README.md").write_text("x")
    commit(platform)
    assert run(world / "new" / "sales", "check", platform).returncode == 0


def refused(done: subprocess.CompletedProcess) -> str:
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    [line] = done.stderr.splitlines()
    return line


def test_not_over_what_is_not_committed(world, sales):
    (sales / "Makefile").write_text("in the middle of it")
    before = files(sales)
    assert "not committed" in refused(run(sales, "update", world / "platform"))
    assert files(sales) == before


@pytest.mark.parametrize("what", ["check", "update"])
def test_templates_that_are_not_to_be_had(world, sales, tmp_path, what):
    assert "TEMPLATE=/path" in refused(run(sales, what, ""))
    assert "can't be cloned" in refused(run(sales, what, tmp_path / "nowhere"))
    assert "can't be cloned" in refused(run(sales, what, "--upload-pack=touch /tmp/x"))
    git(tmp_path, "init", "-q", "other")
    commit(tmp_path / "other")
    assert "does not have the commit" in refused(run(sales, what, tmp_path / "other"))
    git(tmp_path, "clone", "-q", str(world / "platform"), "before")
    git(tmp_path / "before", "reset", "-q", "--hard", "HEAD~1")
    assert "TEMPLATE is older" in refused(run(world / "new" / "sales", what, tmp_path / "before"))


STATES = {
    "there is no .template.json": None,
    "has no commit": {"commit": None, "answers": {}},
    "does not have the commit": {"commit": "0" * 40, "answers": {}},
    "is not what the template wrote": {"commit": "HEAD", "answers": {}},
    "is not what the template wrote: ": {"commit": "--help", "answers": {"_extensions": "x"}},
    "is not what the template wrote: take": {"answers": {}},
    "is not what the template wrote: take it": [],
    "is not what the template wrote: take it back": {"commit": "1" * 40, "answers": ["x"]},
}


@pytest.mark.parametrize("line", STATES)
def test_a_state_that_is_none(world, sales, line):
    (sales / ".template.json").unlink()
    if STATES[line] is not None:
        (sales / ".template.json").write_text(json.dumps(STATES[line]))
    commit(sales)
    assert line in refused(run(sales, "update", world / "platform"))


@pytest.mark.parametrize("answer", [{"name": "../../x"}, {"title": "{{ 7 * 7 }}"}, {"_extensions": "os"}, {"schedule": "x"}])
def test_answers_that_somebody_wrote_in(world, sales, answer):
    """They are held against what the template allows, as when they were given."""
    state = json.loads((sales / ".template.json").read_text())
    state["answers"] |= answer
    (sales / ".template.json").write_text(json.dumps(state))
    commit(sales)
    before = files(sales)
    assert ".template.json" in refused(run(sales, "update", world / "platform"))
    assert files(sales) == before


def test_a_template_that_was_edited_and_not_committed_has_no_commit(world, tmp_path):
    platform = tmp_path / "platform"
    git(tmp_path, "clone", "-q", str(world / "platform"), str(platform))
    (platform / PIPELINE / "pytest.ini").write_text("[pytest]\n")
    assert json.loads((render(platform, tmp_path / "a") / ".template.json").read_text())["commit"] is None
    shutil.rmtree(platform / ".git")
    assert json.loads((render(platform, tmp_path / "b") / ".template.json").read_text())["commit"] is None
    # A folder inside somebody else's repository: that one's commits are not the template's.
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    assert json.loads((render(platform, tmp_path / "c") / ".template.json").read_text())["commit"] is None
