# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Backups: whether there are some, and how old the last one is."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

AGE = Check(
    "backups.age",
    "medium",
    "There is a backup, and it is not old",
    "The platform makes none yet: copy /var/lib/postgresql and /var/lib/minio to another machine, and name in `audit_backups` "
    "the file that your copy leaves on the host when it succeeds.",
)
HOUR = 3600


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area. That there is none is a fault and no reason to pass over it: what is lost then is lost."""
    if not plan["backups"]:
        yield AGE.judged(["no backup is known on this host"], "")
        return
    faults, seen = [], []
    for backup in plan["backups"]:
        at = facts["files_at"]["backups"].get(backup["path"])
        if at is None:
            faults.append(f"{backup['path']} is not there")
            continue
        hours = int((facts["now"] - at) // HOUR)
        seen.append(f"{backup['path']} is {hours} hours old")
        if hours > int(backup["hours"]):
            faults.append(f"{backup['path']} is {hours} hours old, more than {backup['hours']}")
    yield AGE.judged(faults, "; ".join(seen))
