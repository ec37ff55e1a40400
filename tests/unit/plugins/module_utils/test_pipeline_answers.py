# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a pipeline's code recorded is taken by root, and neither side can make root read or write elsewhere."""

import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import pipeline_answers

ANSWER = "ListRepositories-" + "0" * 32
OTHER = "ExternalJob-" + "a" * 32


@pytest.fixture
def release(tmp_path) -> Path:
    folder = tmp_path / "release"
    (folder / ".answers").mkdir(parents=True)
    (folder / ".answers" / ANSWER).write_bytes(b"\x0a\x01x")
    return folder


@pytest.fixture
def state(tmp_path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def hand_over(release, state):
    def run(code: str = "id-1") -> None:
        pipeline_answers.hand_over(str(release), str(state), "sales", code, pwd.getpwuid(os.getuid()).pw_name)

    return run


def test_answers_are_moved(hand_over, release, state):
    hand_over()
    assert (state / "sales/id-1" / ANSWER).read_bytes() == b"\x0a\x01x"
    assert not (release / ".answers").exists()
    assert [oct(path.stat().st_mode & 0o777) for path in (state / "sales", state / "sales/id-1")] == ["0o700"] * 2
    assert os.listdir(state / "sales") == ["id-1"]


def test_those_of_other_code_stay_and_those_of_this_are_replaced(hand_over, release, state):
    """The release before goes on running until the new one is known to run."""
    hand_over()
    for code, left in (("id-2", ANSWER), ("id-2", OTHER)):
        (release / ".answers").mkdir()
        (release / ".answers" / left).write_bytes(b"new")
        hand_over(code)
    assert (state / "sales/id-1" / ANSWER).read_bytes() == b"\x0a\x01x"
    assert os.listdir(state / "sales/id-2") == [OTHER]


def test_what_was_left_half_done_is_no_obstacle(hand_over, state):
    (state / "sales/id-1.partial").mkdir(parents=True)
    (state / "sales/id-1.partial" / ANSWER).write_bytes(b"half")
    hand_over()
    assert (state / "sales/id-1" / ANSWER).read_bytes() == b"\x0a\x01x"


def test_what_the_porter_would_not_pass_on_is_not_handed_over():
    porter = Path(__file__).parents[4] / "roles/pipeline_host/files/pipeline_porter.py"
    assert f"\nLARGEST = {pipeline_answers.LARGEST >> 20} << 20 " in porter.read_text()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "large", "name"])
def test_what_is_no_answer_is_refused(hand_over, release, state, tmp_path, monkeypatch, kind):
    (tmp_path / "secret").write_text("of root")
    wrong = release / ".answers" / OTHER
    if kind == "link":
        wrong.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(wrong)
    elif kind == "folder":
        wrong.mkdir()
    elif kind == "large":
        monkeypatch.setattr(pipeline_answers, "LARGEST", 3)
        wrong.write_bytes(b"four")
    else:
        (release / ".answers/..x").write_bytes(b"")
    with pytest.raises((RuntimeError, OSError)):
        hand_over()
    assert not (state / "sales/id-1").exists()


def test_a_folder_that_is_a_link_is_refused(hand_over, release, tmp_path):
    (release / ".answers" / ANSWER).unlink()
    (release / ".answers").rmdir()
    (release / ".answers").symlink_to(tmp_path)
    with pytest.raises(RuntimeError, match="recorded no folder"):
        hand_over()


@pytest.mark.parametrize("place", ["sales", "sales/id-1.partial"])
def test_the_porter_leads_root_nowhere(hand_over, state, tmp_path, place):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (state / place).parent.mkdir(exist_ok=True)
    (state / place).symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"symbolic link|Not a directory"):
        hand_over()
    assert os.listdir(elsewhere) == []
