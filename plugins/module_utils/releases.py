# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Where a pipeline's releases lie on its host: ``releases/ID``, and ``current``, a link to the one that has proven itself."""

from __future__ import annotations

import contextlib
import glob
import os
import re

from ansible_collections.foss_data.platform.plugins.module_utils.environments import remove_unused, used_by

ENVIRONMENT = ".environment"  # in a release: a link to what it runs in
READY = ".ready"  # written last: without it a folder is what an interrupted play left


def in_use(path: str) -> set[str]:
    """Ids of the releases that running processes name: the code server, and runs that began with an older one."""
    named = re.compile(re.escape(f"{path}/releases/".encode()) + rb"([^/:\0]+)")
    found: set[str] = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        for what in "environ", "cmdline":
            # It may end meanwhile.
            with contextlib.suppress(OSError), open(f"/proc/{process}/{what}", "rb") as handle:
                found |= {name.decode(errors="replace") for name in named.findall(handle.read())}
    return found


def to_remove(made: dict[str, float], needed: set[str], keep: int) -> list[str]:
    """Ids of the releases (id -> time it was made) that are too many: ``keep`` stay, and all that are needed."""
    others = sorted((r for r in made if r not in needed), key=lambda r: made[r], reverse=True)
    return others[max(keep - len(needed & made.keys()), 0) :]


def remove_environments(folder: str, pipelines: str) -> list[str]:
    """Remove what is in ``folder`` and no release below ``pipelines`` needs."""
    releases = {os.path.dirname(path) for path in glob.glob(os.path.join(pipelines, "*", "releases", "*", READY))}
    if any(not os.path.islink(os.path.join(release, ENVIRONMENT)) for release in releases):
        return []
    return remove_unused(folder, used_by(os.path.join(pipelines, "*", "releases", "*", ENVIRONMENT)))
