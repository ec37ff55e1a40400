# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a run starts ends with the run, however that ended."""

import os
import select
import subprocess
import sys
from pathlib import Path

UTILITIES = Path(__file__).resolve().parents[3] / "pipelines" / "shared" / "utilities"
sys.path.append(str(UTILITIES))

from pipeline_shared import child  # noqa: E402

RUN = f"""
import subprocess, sys
sys.path.append({str(UTILITIES)!r})
from pipeline_shared.child import ends_with_parent
waits = "import signal; print('up', flush=True); signal.pause()"
print(subprocess.Popen(ends_with_parent(sys.executable, "-c", waits)).pid)
sys.stdout.flush()
input()
"""


def test_a_child_goes_when_its_run_is_killed():
    """Nobody is left to tell it: the kernel does. It holds the pipe, so the pipe's end is its own."""
    run = subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said = {run.stdout.readline().strip(), run.stdout.readline().strip()}
        assert "up" in said
        run.kill()
        run.wait()
        readable, _, _ = select.select([run.stdout], [], [], 10)
        assert readable
        assert run.stdout.read() == ""
    finally:
        run.kill()
        run.wait()
        for pid in (int(text) for text in said if text.isdigit()):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue


def test_the_command_is_itself(tmp_path):
    """Its arguments, its exit code and what it says are as if it was called directly."""
    command = child.ends_with_parent(sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(3)", "--select", "a b")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "['--select', 'a b']\n")
