# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""`make pipeline`: what is typed arrives as it is, and what is wrong is one line."""

import os
import pty
import shutil
import subprocess
import sys

import pytest
import yaml


@pytest.fixture
def new(root, tmp_path):
    """Runs the script with answers."""

    def run(**answers: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"NEW_DIR": str(tmp_path / "out")} | {f"NEW_{key}": value for key, value in answers.items()}
        command = [sys.executable, str(root / "scripts" / "new_pipeline.py")]
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def make(root, tmp_path):
    """Runs the Makefile's target with a script that shows what it was given."""
    shutil.copy(root / "Makefile", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "env.sh").write_text("#!/bin/sh\n")
    (tmp_path / "scripts" / "new_pipeline.py").write_text("#!/bin/sh\nenv -0 > given\n")
    (tmp_path / "scripts" / "adopt.py").write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > given\n")
    for script in (tmp_path / "scripts").iterdir():
        script.chmod(0o755)

    def run(*words: str, target: str = "pipeline", **environment: str) -> dict[str, str]:
        subprocess.run(["make", target, *words], cwd=tmp_path, env=os.environ | environment, check=True)
        given = dict(line.split("=", 1) for line in (tmp_path / "given").read_text().split("\0") if "=" in line)
        return {key: value for key, value in given.items() if key.startswith("NEW_") or key in ("NAME", "TITLE")}

    return run


EVIL = """it's "$(shell touch ran)" $(id) `id` $HOME $$ ; # & | > x \\ *"""


def test_what_is_typed_arrives_as_it_is(make, tmp_path):
    assert make("NAME=sales", f"TITLE={EVIL}") == {"NEW_NAME": "sales", "NEW_TITLE": EVIL}
    assert not (tmp_path / "ran").exists()


def test_adopt_is_given_what_is_typed(make, tmp_path):
    make("NAME=sales", "DBT=../a b", f"TITLE={EVIL}", target="adopt")
    assert (tmp_path / "given").read_text().split("\0") == [f"--title={EVIL}", "--", "../a b", "sales", ""]
    assert not (tmp_path / "ran").exists()


def test_only_what_is_typed(make):
    """Some systems have a variable NAME."""
    assert make("TEAM=Shop", NAME="laptop", TITLE="x") == {"NEW_TEAM": "Shop"}


def test_a_new_pipeline(new, tmp_path):
    done = new(
        NAME="sales_eu", TITLE="Sales; $(id) & 'EU' #1", TEAM="Shop", EMAIL="s@example.org", SCHEDULE="0 6 * * *", FORMAT="delta"
    )
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "out" / "sales_eu"
    manifest = yaml.safe_load((folder / "pipeline.yml").read_text())
    assert (manifest["name"], manifest["title"]) == ("sales_eu", "Sales; $(id) & 'EU' #1")
    assert manifest["owner"] == {"team": "Shop", "email": "s@example.org"}
    assert (manifest["schedule"], manifest["format"]) == ("0 6 * * *", "delta")
    assert "It is a git repository with a first commit." in done.stdout
    assert f"path: {folder}\n" in done.stdout
    assert "INVENTORY/pipelines.d/sales_eu.yml" in done.stdout
    assert subprocess.check_output(["git", "-C", str(folder), "branch", "--show-current"], text=True) == "main\n"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "a pipeline needs a name: make pipeline NAME=sales_analytics "),
        ({"TITLE": "x"}, "a pipeline needs a name: "),
        ({"NAME": ""}, "a pipeline needs a name: "),
        ({"NAME": "Sales-EU"}, "'Sales-EU' can't be a pipeline's name: "),
        ({"NAME": "$(id)"}, "'$(id)' can't be a pipeline's name: "),
        ({"NAME": "--help"}, "'--help' can't be a pipeline's name: "),
        ({"NAME": "sales", "TITLE": "{{ 7 * 7 }}"}, "TITLE has {{, {% or {# in it: leave that out"),
        ({"NAME": "{% raw %}sales"}, "NAME has {{, {% or {# in it: leave that out"),
        ({"NAME": "sales", "SCHEDULE": "60 * * * *"}, "'60 * * * *' is no cron schedule: "),
        (
            {"NAME": "sales", "FORMAT": "hudi"},
            "hudi provided for choice variable format, but the choices are ['iceberg', 'delta'].",
        ),
        ({"NAME": "sales", "DIR": __file__}, f"{__file__} is no folder: name another one as DIR"),
    ],
)
def test_a_bad_answer_is_one_line(new, tmp_path, answers, said):
    done = new(**answers)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {said}")
    assert not list(tmp_path.rglob("pipeline.yml"))


def test_a_folder_that_exists_stays(new, tmp_path):
    (tmp_path / "out" / "sales").mkdir(parents=True)
    done = new(NAME="sales")
    assert "already exists" in done.stderr
    assert not list((tmp_path / "out" / "sales").iterdir())


def test_without_answers_it_asks(root, tmp_path):
    person, terminal = pty.openpty()
    command = [sys.executable, str(root / "scripts" / "new_pipeline.py")]
    with subprocess.Popen(
        command,
        env=os.environ | {"NEW_DIR": str(tmp_path)},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as asking:
        os.close(terminal)
        said = b""
        while b"Name" not in said:
            said += os.read(person, 1024)
        asking.kill()
    os.close(person)
