# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Processes that a run starts end with it. As a program (``child.py COMMAND...``) it becomes the command."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def ends_with_parent(*command: str) -> list[str]:
    """``command`` so that the kernel ends it when the thread that started it has gone, killed or not.

    Else it goes on writing tables while Dagster counts the run as failed and starts the next. Not by util-linux's setpriv: it
    sets its capabilities as well, which no sandboxed service may.
    """
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), *command]


if __name__ == "__main__":
    # On a laptop that is no Linux it is the command alone.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(sys.argv[1], sys.argv[1:])
