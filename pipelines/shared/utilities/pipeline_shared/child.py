# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Processes that a run starts end with it."""

from __future__ import annotations

import shutil


def ends_with_parent(*command: str) -> list[str]:
    """``command`` so that the kernel ends it when the thread that started it has gone, killed or not.

    Else it goes on writing tables while Dagster counts the run as failed and starts the next. On a laptop without setpriv, which
    is Linux's, it is the command alone.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else [*command]
