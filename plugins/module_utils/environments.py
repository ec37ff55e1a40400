# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Python environments on a host, and the wheels that they were built from: neither stays when nothing needs it any more.

An environment is needed by each release that points to it, and for a day by whoever was handed it: the release that a deploy
builds it for comes later. A wheel is needed while an environment that was built from it is there; it saves shipping it again.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import time

from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive

MARKER = ".artifact"  # in a whole environment; its time of change is when it was last handed out
WHEELS = ".wheels"  # in an environment: the names of its wheels
LEASE = 24 * 3600  # seconds


def hand_out(environment: str, fingerprint: str) -> bool:
    """Whether ``environment`` is there, whole and of that fingerprint. If so it stays for a day. The caller has its folder."""
    marker = os.path.join(environment, MARKER)
    try:
        with open(marker, encoding="utf-8") as handle:
            there = handle.read().strip() == fingerprint
    except OSError:
        return False
    if there:
        os.utime(marker)
    return there


def remove_unused(folder: str, used: set[str]) -> list[str]:
    """Remove what is in ``folder``, is none of ``used`` and was not handed out for a day; what an interrupted play left, too."""
    removed = []
    with exclusive(folder):
        for path in sorted(os.path.join(folder, name) for name in os.listdir(folder)):
            marker = os.path.join(path, MARKER)
            handed_out = os.lstat(marker if os.path.exists(marker) else path).st_mtime
            if path not in used and handed_out < time.time() - LEASE:
                # Without its marker it is no environment any more, should this be interrupted.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(marker)
                shutil.rmtree(path)
                removed.append(path)
    return removed


def used_by(links: str) -> set[str]:
    """What the symbolic links that match the pattern ``links`` point to."""
    return {os.path.normpath(os.readlink(link)) for link in glob.glob(links) if os.path.islink(link)}


class Wheels:
    """A folder of wheels, with the folder beside it that says which environments were built from them."""

    def __init__(self, folder: str):
        self.folder = folder
        self._known = os.path.join(os.path.dirname(folder), "environments")

    def names(self) -> list[str]:
        """The wheels that are there."""
        return sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []

    def note(self, environment: str) -> None:
        """From now on the wheels named in ``environment`` are needed while it is there."""
        os.makedirs(self._known, exist_ok=True)
        link = os.path.join(self._known, hashlib.sha256(environment.encode()).hexdigest()[:16])
        if not os.path.islink(link):
            os.symlink(environment, link)

    def remove_unused(self) -> list[str]:
        """Remove the wheels that no environment was built from; their names."""
        needed = set()
        for link in glob.glob(os.path.join(self._known, "*")):
            try:
                with open(os.path.join(link, WHEELS), encoding="utf-8") as handle:
                    needed.update(handle.read().split())
            except FileNotFoundError:
                os.unlink(link)
        removed = [name for name in self.names() if name not in needed]
        for name in removed:
            os.unlink(os.path.join(self.folder, name))
        return removed
