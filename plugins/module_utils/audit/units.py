# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How the platform's units are sandboxed, and whether somebody added to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, pairs

SCORE = Check(
    "units.score",
    "medium",
    "Every unit of the platform is sandboxed",
    "See what `systemd-analyze security UNIT` counts, and run site.yml, which writes the unit as it should be.",
)
ROOT = Check(
    "units.root",
    "high",
    "No unit of the platform runs as root with root's capabilities",
    "Run site.yml, which writes the unit as it should be; look at its additions with `systemctl cat UNIT`.",
)
ADDITIONS = Check(
    "units.additions",
    "medium",
    "Nothing is added to the platform's units by hand",
    "Read the file, remove it (`systemctl revert` would remove the platform's own, too), and run `systemctl daemon-reload`.",
)
FAILED = Check(
    "units.failed",
    "low",
    "No unit has failed",
    "Look why with `systemctl status UNIT` and `journalctl -u UNIT`.",
)
# The name of every addition that a role writes.
OURS = "foss-data-platform.conf"


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    units = facts["units"]
    if not units:
        for check in (SCORE, ROOT, ADDITIONS):
            yield check.not_applicable("the host has no unit of the platform")
    else:
        ceiling = float(plan["unit_score"])
        scores = {name: unit["score"] for name, unit in units.items() if unit["score"] is not None}
        high = [f"{name} scores {score}, more than {ceiling}" for name, score in scores.items() if score > ceiling]
        unknown = [f"{name} could not be scored" for name in units if name not in scores]
        table = ", ".join(f"{name} {score}" for name, score in sorted(scores.items()))
        yield SCORE.judged(high + unknown, table)

        shows = {name: pairs(unit["show"]) for name, unit in units.items()}
        # It may be uid 0 to speak to systemd, or to the firewall, and still have next to no right of root's.
        rooted = [
            f"{name} runs as root and may do all that root may"
            for name, show in shows.items()
            if show.get("User", "") in ("", "root", "0") and "cap_sys_admin" in show.get("CapabilityBoundingSet", "")
        ]
        yield ROOT.judged(rooted, f"{len(units)} units")
        added = [
            f"{name}: {path}"
            for name, show in shows.items()
            for path in show.get("DropInPaths", "").split()
            if not path.endswith(f"/{OURS}") and not re.match(r"/(usr/)?lib/", path)
        ]
        yield ADDITIONS.judged(added, f"{len(units)} units are as roles and packages wrote them")
    failed = [line.split()[0] for line in facts["commands"]["failed_units"]["out"].splitlines() if line.strip()]
    yield FAILED.judged(failed, "systemctl lists none")
