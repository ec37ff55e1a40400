# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The program that counts the tests must not miscount: a part that dies is a failure, and what changed decides what runs."""

import importlib.util
import subprocess
import sys

import pytest

JUNIT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"></testsuite></testsuites>'


@pytest.fixture
def program(root, tmp_path, monkeypatch):
    """scripts/test.py as a module, its logs in a folder of their own."""
    spec = importlib.util.spec_from_file_location("test_program", root / "scripts" / "test.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "test_program", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    module.LOGS.mkdir()
    return module


# -- counting


@pytest.mark.parametrize(
    ("code", "report", "wanted"),
    [
        pytest.param(0, (5, 0, 0, 0), "5 passed, 0 failed", id="all passed"),
        pytest.param(1, (5, 1, 1, 1), "2 passed, 2 failed, 1 skipped", id="a failure, an error in a fixture, a skip"),
        pytest.param(1, (5, 0, 0, 0), "5 passed, 1 failed", id="died after its last test"),
        pytest.param(-9, None, "0 passed, 1 failed", id="killed before it could report"),
        pytest.param(0, None, "0 passed, 1 failed", id="says all is well but reports nothing"),
    ],
)
def test_a_command_with_a_report(program, tmp_path, code, report, wanted):
    path = tmp_path / "report.xml"
    if report:
        path.write_text(JUNIT.format(*report))
    assert str(program.counted(code, path)) == wanted


def test_a_report_cut_short_is_a_failure(program, tmp_path):
    (tmp_path / "report.xml").write_text(JUNIT.format(5, 0, 0, 0)[:40])
    assert program.counted(0, tmp_path / "report.xml").failed == 1


@pytest.mark.parametrize(("code", "wanted"), [(0, "1 passed, 0 failed"), (2, "0 passed, 1 failed")])
def test_a_command_without_a_report_is_one_test(program, code, wanted):
    assert str(program.counted(code, None)) == wanted


def test_an_old_report_is_not_counted_again(program, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(JUNIT.format(5, 0, 0, 0))
    counts, _ = program.execute(program.Job("unit", "x", ["false"], report))
    assert str(counts) == "0 passed, 1 failed"


def test_a_tool_that_is_not_there_is_a_failure_that_says_what_to_do(program):
    job = program.Job("lint", "x", ["no-such-program"])
    assert program.execute(job)[0].failed == 1
    assert "run `make env`" in job.log.read_text()


def test_the_log_and_its_end_are_kept_and_shown(program, capsys):
    job = program.Job("lint", "x", ["sh", "-c", "seq 100; echo oops >&2; exit 1"])
    assert program.run_jobs([job]).failed == 1
    shown = capsys.readouterr().out
    assert shown.startswith("FAILED  lint x")
    assert "oops" in shown
    assert "\n100\n" in shown
    assert "\n1\n" not in shown
    assert job.log.read_text().splitlines()[0] == "1"


@pytest.fixture
def runner(program, tmp_path):
    """In the place of scripts/molecule.sh: a file called as the scenario is its report, another one its result."""
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "molecule.sh"
    script.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")/.."\nfor s; do\n'
        "  [ ! -e $s.xml ] || cp $s.xml logs/molecule-$s.xml\n  [ ! -e $s.result ] || cp $s.result logs/molecule-$s.result\n"
        '  echo "molecule $s: done"\ndone\n'
    )
    script.chmod(0o755)

    def result(scenario, text=None, report=None):
        if text:
            (tmp_path / f"{scenario}.result").write_text(f"{text}\n")
        if report:
            (tmp_path / f"{scenario}.xml").write_text(JUNIT.format(*report))

    return result


def test_molecule_counts_scenarios_and_their_tests(program, runner, capsys):
    runner("default", "passed", (20, 0, 0, 0))
    runner("trino", "failed", (6, 2, 0, 0))
    # Converge failed, so nothing was verified.
    runner("minio", "failed")
    # The runner died.
    runner("java")
    counts = program.molecule(["default", "trino", "minio", "java"])
    assert str(counts) == "25 passed, 4 failed"
    assert "molecule minio: done" in capsys.readouterr().out


def test_a_result_of_an_earlier_run_is_not_counted_again(program, runner):
    (program.LOGS / "molecule-default.result").write_text("passed\n")
    (program.LOGS / "molecule-default.xml").write_text(JUNIT.format(20, 0, 0, 0))
    assert str(program.molecule(["default"])) == "0 passed, 1 failed"


# -- which scenarios

NAMES = ["default", "base", "minio", "trino"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ([], ["default"]),
        (["README.md", "plugins/modules/trino_catalog.py", "docs/trino/x.md"], ["default"]),
        (["roles/trino/tasks/main.yml"], ["default", "trino"]),
        (["tests/verify/minio/test_minio.py", "molecule/base/molecule.yml"], ["default", "base", "minio"]),
        (["roles/trino_extra/tasks/main.yml"], ["default"]),
    ],
)
def test_scenarios_of_what_changed(program, files, wanted):
    assert program.concerned(files, NAMES) == wanted


@pytest.fixture
def repository(program, tmp_path):
    """A repository with two commits on main; returns a function that runs git in it."""

    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (tmp_path / ".gitignore").write_text("logs/\n")
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        git("add", "-A")
        git("commit", "-q", "-m", name)
    return git


def test_on_the_branch_itself_the_last_commit_counts(program, repository, tmp_path):
    assert program.changed_files() == ["two"]
    (tmp_path / "one").write_text("edited")
    (tmp_path / "new").write_text("new")
    assert sorted(program.changed_files()) == ["new", "one", "two"]


def test_on_a_branch_all_its_commits_count(program, repository, tmp_path):
    repository("update-ref", "refs/remotes/origin/main", "HEAD")
    repository("checkout", "-q", "-b", "work")
    for name in ("three", "four"):
        (tmp_path / name).write_text(name)
        repository("add", "-A")
        repository("commit", "-q", "-m", name)
    assert sorted(program.changed_files()) == ["four", "three"]


def test_a_merge_is_compared_with_its_first_parent(program, repository, tmp_path):
    repository("checkout", "-q", "-b", "work")
    (tmp_path / "three").write_text("3")
    repository("add", "-A")
    repository("commit", "-q", "-m", "three")
    repository("checkout", "-q", "main")
    repository("merge", "-q", "--no-ff", "-m", "merge", "work")
    assert program.changed_files() == ["three"]


def test_a_clone_of_one_commit_tells_nothing(program, repository, tmp_path, monkeypatch):
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{tmp_path}", tmp_path / "clone"], check=True, capture_output=True
    )
    monkeypatch.setattr(program, "ROOT", tmp_path / "clone")
    assert program.changed_files() == []


# -- the program as a whole


def test_what_is_not_known_is_refused_with_what_is(root):
    for arguments, message in (
        (["lnt"], "there is no part 'lnt': say lint, unit"),
        (["molecule", "x"], "there is no scenario 'x': say default"),
    ):
        done = subprocess.run(
            [sys.executable, "scripts/test.py", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert message in done.stderr


def test_the_last_line_is_the_sum_and_a_failure_the_exit_code(program, monkeypatch, capsys):
    parts = {
        "lint": [program.Job("lint", "a", ["true"]), program.Job("lint", "b", ["true"])],
        "unit": [program.Job("unit", "c", ["true"])],
    }
    monkeypatch.setattr(program, "jobs_of", parts.get)
    monkeypatch.setattr(program, "scenarios", lambda: [])
    monkeypatch.setattr(sys, "argv", ["test.py", "lint", "unit"])
    assert program.main() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed"
    parts["unit"][0].command[:] = ["false"]
    assert program.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 1 failed"


@pytest.mark.parametrize(
    ("cores", "wanted"),
    [(2, [["lint", "unit"], ["sanity"], ["molecule"]]), (8, [["lint", "unit"], ["sanity", "molecule"]])],
)
def test_sanity_runs_beside_molecule_only_where_there_is_room(program, monkeypatch, cores, wanted):
    monkeypatch.setattr(program, "CORES", cores)
    assert list(program.stages({"molecule", "sanity", "unit", "lint"})) == wanted
