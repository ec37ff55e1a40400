# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Dagster's programs, of the platform's version."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOCK = Path(__file__).resolve().parents[2] / "requirements/dagster.txt"


@pytest.fixture(scope="session")
def programs() -> Path:
    """Their folder, installed into the user's cache once per lock."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foss-data-platform"
    folder = cache / f"contract-dagster-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", "--require-hashes", "-r", LOCK]
        subprocess.run(install, check=True)
        (folder / "complete").touch()
    return folder / "bin"
