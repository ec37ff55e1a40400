# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What root does with the names that the porter leaves."""

import os
import subprocess

import pytest


@pytest.fixture
def wake(root, tmp_path):
    """Leaves names, runs the program; what systemctl was asked, and what is left."""

    def run(*names: str, systemctl: str = "") -> tuple[list[str], list[str]]:
        for folder in ("wake", "bin"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / "wake" / name).touch()
        program = tmp_path / "bin/systemctl"
        program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n{systemctl}\n')
        program.chmod(0o755)
        script = root / "roles/pipeline_host/files/pipeline_wake.sh"
        env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        subprocess.run(["/bin/sh", script, tmp_path / "wake"], env=env, check=True)
        asked = tmp_path / "asked"
        return asked.read_text().splitlines() if asked.exists() else [], os.listdir(tmp_path / "wake")

    return run


def test_each_is_started_once(wake):
    assert wake("sales", "stock_2") == (
        ["start --no-block pipeline@sales.service", "start --no-block pipeline@stock_2.service"],
        [],
    )


def test_nothing_asked(wake):
    assert wake() == ([], [])


def test_one_that_does_not_start_holds_up_no_other(wake):
    asked, left = wake("sales", "stock", systemctl="exit 1")
    assert (len(asked), left) == (2, [])


def test_what_is_no_pipelines_name_starts_nothing(wake):
    assert wake("a b", "--force", "x.service", "$(id)", "sales;id", "SALES") == ([], [])


def test_a_start_that_is_asked_for_meanwhile_is_not_lost(wake, tmp_path):
    """It would be, were the name taken away after the start."""
    asked, left = wake("sales", systemctl=f"touch {tmp_path}/wake/sales")
    assert (len(asked), left) == (1, ["sales"])
