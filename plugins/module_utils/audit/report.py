# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""All findings of a host, put together."""

from __future__ import annotations

from ansible_collections.foss_data.platform.plugins.module_utils.audit import (
    backups,
    databases,
    files,
    firewall,
    logins,
    secrets,
    sockets,
    ssh,
    system,
    tls,
    units,
    updates,
    users,
    versions,
)
from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    SEVERITIES,
    Check,
)

# In the order in which a stranger meets them.
AREAS = (sockets, firewall, ssh, logins, tls, users, files, units, databases, updates, versions, secrets, backups, system)
COMPLETE = Check(
    "audit.complete",
    "high",
    "Everything that the audit asks could be asked",
    "See why, mend it, and run the audit again: what could not be asked is not known to be well.",
)


def every_check() -> dict[str, Check]:
    """All checks by their id."""
    found = [value for area in AREAS for value in vars(area).values() if isinstance(value, Check)]
    return {check.id: check for check in [COMPLETE, *found]}


def report(facts: dict, plan: dict) -> dict:
    """The report: ``findings``, the failed and gravest ones first, how many there are of each result and severity, and the ids of
    those that are ``failing`` the play."""
    findings = [COMPLETE.judged(facts["faults"], f"{len(facts['commands'])} commands and {len(AREAS)} areas")]
    for area in AREAS:
        findings += area.judge(facts, plan)
    results = (FAIL, NOT_APPLICABLE, PASS)
    findings.sort(key=lambda f: (results.index(f["result"]), SEVERITIES.index(f["severity"])))
    counts = {
        result: {s: sum(f["result"] == result and f["severity"] == s for f in findings) for s in SEVERITIES} for result in results
    }
    grave = SEVERITIES[: SEVERITIES.index(plan["fails_from"]) + 1]
    failing = [f["id"] for f in findings if f["result"] == FAIL and f["severity"] in grave]
    told = {"host": plan["host"], "at": facts["at"], "system": facts["system"]}
    return told | {"counts": counts, "failing": failing, "findings": findings}
