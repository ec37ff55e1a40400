# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Where a play's time goes: the sums, and the report of a real play."""

import json
import os
import subprocess
import sys

import pytest
from ansible_collections.foss_data.platform.plugins.callback.role_budget import PLAY_ITSELF, by_role

PLAY = """
- hosts: all
  gather_facts: false
  roles: [quick]
  tasks:
    - name: A task of the play
      ansible.builtin.assert: {that: true}
"""
ROLE = """
- name: Changes
  ansible.builtin.command: "true"
  notify: Handle
- name: Does not change
  ansible.builtin.assert: {that: true}
- name: Is skipped
  ansible.builtin.command: "true"
  when: false
"""
HANDLER = """
- name: Handle
  ansible.builtin.command: "true"
"""


def task(role, name, seconds, status="ok"):
    return {"role": role, "name": name, "seconds": seconds, "status": status}


def test_sums_by_role_in_the_order_of_the_play():
    roles = by_role(
        [
            task("minio", "a", 1.0, "changed"),
            task("trino", "b", 2.0, "skipped"),
            task("minio", "c", 0.5),
            task("minio", "d", 3.0),
            task("minio", "e", 0.1),
        ]
    )
    assert list(roles) == ["minio", "trino"]
    assert roles["minio"] == {
        "seconds": 4.6,
        "tasks": 4,
        "skipped": [],
        "changed": ["a"],
        "slowest": [[3.0, "d"], [1.0, "a"], [0.5, "c"]],
    }
    assert roles["trino"]["skipped"] == ["b"]


def test_no_task_no_role():
    assert by_role([]) == {}


@pytest.fixture
def play(tmp_path, root):
    """Runs a play with one small role; returns what it printed and the report's lines."""
    for path, text in {"play.yml": PLAY, "roles/quick/tasks/main.yml": ROLE, "roles/quick/handlers/main.yml": HANDLER}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    report = tmp_path / "runs.jsonl"

    def run(*options):
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(root / "collections"),
            "ANSIBLE_CALLBACKS_ENABLED": "foss_data.platform.role_budget",
            "ANSIBLE_CONFIG": str(tmp_path / "none.cfg"),
            "ROLE_BUDGET_REPORT": str(report),
        }
        python = f"ansible_python_interpreter={sys.executable}"
        command = ["ansible-playbook", "-i", "here,", "-c", "local", "-e", python, str(tmp_path / "play.yml"), *options]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []

    return run


def test_a_real_play_is_printed_and_reported(play):
    said, runs = play()
    assert "SECONDS BY ROLE" in said
    assert "quick (4 tasks, 1 skipped)" in said
    assert len(runs) == 1
    assert not runs[0]["check"]
    quick = runs[0]["roles"]["quick"]
    assert (quick["tasks"], quick["changed"], quick["skipped"]) == (4, ["Changes", "Handle"], ["Is skipped"])
    assert runs[0]["roles"][PLAY_ITSELF]["tasks"] == 1
    assert runs[0]["seconds"] >= sum(role["seconds"] for role in runs[0]["roles"].values()) - 0.01
    _, runs = play("--check")
    assert [run["check"] for run in runs] == [False, True]
