# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The link ``current`` of a folder that holds versions: which one it is, and the switch to another."""

from __future__ import annotations

import os


def current(path: str) -> str:
    """Name of what ``path/current`` points to, a version or a release; empty if there is no such link."""
    link = os.path.join(path, "current")
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else ""


def switch(path: str, target: str) -> None:
    """Point ``path/current`` to ``target``, relative to ``path``, in one step."""
    link = os.path.join(path, "current")
    partial = f"{link}.partial"
    if os.path.lexists(partial):
        os.unlink(partial)
    os.symlink(target, partial)
    os.rename(partial, link)
