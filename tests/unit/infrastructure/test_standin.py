# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A stand-in belongs to one checkout: another one must not take it over, nor remove it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PLAY = {"hosts": "localhost", "gather_facts": False, "vars_files": ["vars.yml"]}
SHOW = {"ansible.builtin.debug": {"msg": "CONTAINER={{ standin_container }} DIR={{ standin_dir }}"}}


@pytest.fixture
def checkout(root, tmp_path):
    """Makes a checkout with what names a stand-in."""

    def make(name: str) -> Path:
        folder = tmp_path / name / "infrastructure" / "standin"
        folder.mkdir(parents=True)
        shutil.copy(root / "infrastructure" / "standin" / "vars.yml", folder)
        (folder / "show.yml").write_text(json.dumps([PLAY | {"tasks": [SHOW]}]))
        shutil.copytree(root / "inventories" / "sandbox", tmp_path / name / "inventories" / "sandbox")
        return tmp_path / name

    return make


def names(checkout: Path) -> tuple[str, str]:
    """The container and the folder of the stand-in `trial`."""
    done = subprocess.run(
        ["ansible-playbook", "-c", "local", "infrastructure/standin/show.yml"],
        cwd=checkout,
        env=os.environ | {"STANDIN": "trial"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"CONTAINER=(\S+) DIR=([^\s\"]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return found.groups()


def test_two_checkouts_have_stand_ins_of_one_name_beside_each_other(checkout, tmp_path):
    one, other = checkout("one"), checkout("other")
    (tmp_path / "link").symlink_to(one)
    container, folder = names(one)
    assert re.fullmatch(r"fdp-trial-[0-9a-f]{8}", container)
    assert folder == str(one / ".sandbox" / "trial")
    assert names(tmp_path / "link") == (container, folder)
    assert names(other)[0] != container


def test_their_open_connections_are_not_taken_for_each_others(checkout):
    asked = [
        "ansible",
        "sandbox",
        "-i",
        "inventories/sandbox",
        "-m",
        "ansible.builtin.debug",
        "-a",
        "var=ansible_control_path_dir",
    ]
    said = [
        subprocess.run(asked, cwd=checkout(name), capture_output=True, text=True, check=True).stdout for name in ("one", "other")
    ]
    folders = [re.search(r"~/\.ansible/cp/[0-9a-f]{8}", text).group() for text in said]
    assert folders[0] != folders[1]
