# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's repository from the template, by cookiecutter: for new_pipeline.py and adopt.py."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COOKIECUTTER = [sys.executable, "-W", "ignore", "-m", "cookiecutter", str(ROOT / "cookiecutter-pipeline")]


def make(folder: Path, answers: dict[str, str]) -> list[str]:
    """Make it in ``folder``, asking nobody; the lines that cookiecutter says. Raises ValueError in one line."""
    for key, answer in answers.items():
        # cookiecutter would take it for a template of its own.
        if re.search(r"\{[{%#]", answer):
            raise ValueError(f"{key.upper()} has {{{{, {{% or {{# in it: leave that out")
    given = [f"{key}={answer}" for key, answer in answers.items()]
    command = [*COOKIECUTTER, "--output-dir", str(folder), "--no-input", "--", *given]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode:
        raise ValueError(re.sub(r"^(\w*Error: )+", "", said[-1]) if said else f"cookiecutter ended with {done.returncode}")
    return said
