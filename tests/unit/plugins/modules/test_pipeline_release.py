# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_release on the host: only a release that loads is switched to, and nothing half done stays."""

import contextlib
import os
import pwd
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.modules import pipeline_release
from ansible_collections.foss_data.platform.plugins.modules.pipeline_release import to_remove

# What a release runs to get ready: it writes a file, and fails if it is told so.
PREPARE = """
import os, pathlib, sys
pathlib.Path("made").write_text(os.environ.get("SETTING", ""))
pathlib.Path("made").chmod(0o666)
if pathlib.Path("fault").exists():
    sys.exit(pathlib.Path("fault").read_text())
"""


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "sales"
    folder.mkdir()
    return folder


@pytest.fixture
def install(module, home, tmp_path):
    """Runs the module for a release that consists of ``files``."""

    def run(release: str, ship: bool = True, check: bool = False, files: dict | None = None, **options) -> dict:
        if ship:
            bundle = tmp_path / f"{release}.tar"
            with tarfile.open(bundle, "w") as out:
                for name, text in {"prepare.py": PREPARE, **(files or {})}.items():
                    (tmp_path / "file").write_text(text)
                    out.add(tmp_path / "file", f"./{name}")
            options["bundle"] = str(bundle)
        arguments = {
            "source": "/control/side",
            "path": str(home),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "python": sys.executable,
            "command": ["prepare.py"],
            "release": release,
        }
        return module(pipeline_release.main, check=check, **(arguments | options))

    return run


def releases(home: Path) -> list[str]:
    return sorted(os.listdir(home / "releases")) if (home / "releases").exists() else []


def test_first_release(install, home):
    done = install("aaa", environment={"SETTING": "given"})
    assert (done["changed"], done["previous"], done["path"]) == (True, "", str(home / "releases" / "aaa"))
    assert os.readlink(home / "current") == "releases/aaa"
    assert (home / "current" / "made").read_text() == "given"
    assert done["diff"] == {"before": f"{home}: absent\n", "after": f"{home}: aaa\n"}


def test_roots_umask_closes_no_folder(install, home, strict_umask):
    install("aaa")
    assert f"{(home / 'releases').stat().st_mode & 0o7777:04o}" == "0755"


def test_nothing_to_do(install, home):
    install("aaa")
    again = install("aaa", ship=False)
    assert not again["changed"]
    assert "missing" not in again


def test_the_host_says_when_it_needs_the_files(install, home):
    asked = install("aaa", ship=False)
    assert asked["missing"]
    assert releases(home) == []


def test_check_mode_predicts_and_does_nothing(install, home):
    assert install("aaa", ship=False, check=True)["changed"]
    assert os.listdir(home) == []


def test_a_release_can_be_gone_back_to_without_its_files(install, home):
    install("aaa")
    install("bbb")
    back = install("aaa", ship=False)
    assert (back["changed"], back["previous"]) == (True, "bbb")
    assert os.readlink(home / "current") == "releases/aaa"


def test_what_runs_can_not_be_changed_by_it(install, home):
    install("aaa")
    modes = {path.stat().st_mode & 0o022 for path in (home / "releases" / "aaa").rglob("*")}
    assert modes == {0}


def test_a_release_that_does_not_load(install, home):
    install("aaa")
    failed = install("bbb", files={"fault": "checks.py, line 3: invalid syntax"})
    assert failed["failed"]
    assert failed["msg"] == "the release bbb does not load, the one before stays: checks.py, line 3: invalid syntax"
    assert os.readlink(home / "current") == "releases/aaa"
    assert releases(home) == ["aaa"]


def test_one_that_never_gets_ready(install, home):
    failed = install("aaa", files={"prepare.py": "import time\ntime.sleep(600)\n"}, timeout=1)
    assert "it took more than 1 s and was stopped" in failed["msg"]
    assert releases(home) == []


def test_one_that_says_nothing(install):
    assert "it ended with 7 and said nothing" in install("aaa", files={"prepare.py": "import sys\nsys.exit(7)\n"})["msg"]


def test_only_the_end_of_a_long_complaint(install):
    failed = install("aaa", files={"fault": "\n".join(f"line {n}" for n in range(50))})
    assert "line 49" in failed["msg"]
    assert "line 20" not in failed["msg"]


def test_what_an_interrupted_play_left_is_no_release(install, home):
    (home / "releases" / "aaa").mkdir(parents=True)
    (home / "releases" / "aaa" / "rubbish").write_text("half")
    (home / "current.partial").symlink_to("releases/aaa")
    assert install("aaa", ship=False)["missing"]
    install("aaa")
    assert not (home / "releases" / "aaa" / "rubbish").exists()
    assert sorted(os.listdir(home)) == ["current", "releases"]


def test_one_that_is_being_prepared_is_waited_for(home):
    """A play that was killed leaves its last task running on the host."""
    order = []

    def later():
        with pipeline_release.exclusive(str(home)):
            order.append("later")

    with pipeline_release.exclusive(str(home)):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "later"]


def test_only_one_at_a_time_works_there(install, home, monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline_release, "exclusive", lambda path: asked.append(path) or contextlib.nullcontext())
    install("aaa", check=True)
    assert asked == []
    install("aaa")
    assert asked == [str(home)]


def test_old_releases_go(install, home):
    for number in range(4):
        install(f"r{number}", keep=3)
        # Two in one tick of the clock would have no order.
        os.utime(home / "releases" / f"r{number}", (number, number))
    assert releases(home) == ["r1", "r2", "r3"]


def test_the_current_one_always_stays():
    made = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert to_remove(made, "a", 2) == ["b"]
    assert to_remove(made, "a", 1) == ["c", "b"]
    assert to_remove(made, "c", 5) == []
