# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Security updates: whether some wait, and whether they come by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output

PENDING = Check(
    "updates.pending",
    "medium",
    "No security update waits",
    "`apt-get update && unattended-upgrade` (or `apt-get dist-upgrade`), then restart what was updated.",
)
UNATTENDED = Check(
    "updates.unattended",
    "medium",
    "Security updates are installed by themselves",
    "Run site.yml (`--tags base`); look what switches it off with `apt-config dump | grep Periodic`.",
)
LISTS = Check(
    "updates.lists",
    "low",
    "What updates there are was asked within a week",
    "`apt-get update`; look at `systemctl status apt-daily.timer` if it does not happen by itself.",
)
REBOOT = Check(
    "updates.reboot",
    "medium",
    "No update waits for a reboot",
    "Reboot when nobody minds; every service comes back by itself.",
)
DAY = 86400
DAYS = 7


def waiting(text: str) -> list[str]:
    """Packages that ``apt-get --just-print dist-upgrade`` would take from a security archive, with both versions."""
    found = re.findall(r"^Inst (\S+)(?: \[([^]]*)\])? \((\S+) ([^)]*)\)", text, re.MULTILINE)
    return [f"{name} {before or 'new'} → {after}" for name, before, after, origin in found if "security" in origin.lower()]


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    text = output(facts, "updates")
    if text is None:
        yield PENDING.not_applicable("apt can't say what it would install")
    else:
        yield PENDING.judged(waiting(text), "apt would install none from a security archive")
    settings = re.findall(r'^(APT::Periodic::[\w-]+) "(.*)";$', output(facts, "apt") or "", re.MULTILINE)
    every = {name.rsplit("::", 1)[1]: value for name, value in settings}
    off = [
        f"APT::Periodic::{name} is {every.get(name, 'not set')}"
        for name in ("Update-Package-Lists", "Unattended-Upgrade")
        if every.get(name, "0") in ("0", "")
    ]
    if not re.search(r"^unattended-upgrades ", output(facts, "packages") or "", re.MULTILINE):
        off.append("the package unattended-upgrades is not installed")
    yield UNATTENDED.judged(off, ", ".join(f"{name} {value}" for name, value in sorted(every.items())))
    age = facts["files_at"]["package_lists"]
    if age is None:
        yield LISTS.judged(["they were never fetched"], "")
    else:
        days = int((facts["now"] - age) // DAY)
        yield LISTS.judged([f"{days} days ago"] if days > DAYS else [], f"{days} days ago")
    yield REBOOT.judged(["/run/reboot-required is there"] if facts["files_at"]["reboot_required"] else [], "none is asked for")
