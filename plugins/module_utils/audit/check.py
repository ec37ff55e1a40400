# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a check of the audit is, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The gravest first. High: whoever is outside, or has no rights on the host, could use it now.
SEVERITIES = ("high", "medium", "low")
PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"


@dataclass(frozen=True)
class Check:
    """One question that the audit asks of a host."""

    id: str
    severity: str  # of SEVERITIES
    title: str  # what holds where it passes, as a sentence without a full stop
    todo: str  # for whoever finds that it does not

    def judged(self, faults: list[str], seen: str) -> dict:
        """It fails if there are ``faults``, which are its evidence then; ``seen`` is the evidence that it passes."""
        return self._finding(FAIL if faults else PASS, sorted(set(faults)) or [seen])

    def not_applicable(self, reason: str) -> dict:
        """Nothing could be asked, for this reason."""
        return self._finding(NOT_APPLICABLE, [reason])

    def _finding(self, result: str, evidence: list[str]) -> dict:
        # A name on the host is whatever somebody chose; a line of the report stays one.
        evidence = [re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", line) for line in evidence]
        return {
            "id": self.id,
            "severity": self.severity,
            "title": self.title,
            "result": result,
            "evidence": evidence,
            "todo": self.todo if result == FAIL else "",
        }


def output(facts: dict, command: str) -> str | None:
    """What a command said on the host; None if it is not installed there, or failed."""
    done = facts["commands"].get(command)
    return done["out"] if done and done["rc"] == 0 else None


def pairs(text: str, separator: str = "=") -> dict[str, str]:
    """Lines ``key=value`` as a dict. Of a key that is there twice the first counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, there, value = line.partition(separator)
        if there:
            found.setdefault(key.strip(), value.strip())
    return found


def unit_of(cgroup: str) -> str:
    """The unit in the path of a control group, without ``.service``; empty if there is none."""
    units = re.findall(r"/([^/\s]+)\.service", cgroup)
    return units[-1] if units else ""


def in_container(facts: dict) -> bool:
    """Whether the host is a container, which has its machine's kernel and clock."""
    return (facts["commands"].get("virtualization") or {"out": ""})["out"].strip() in (
        "docker",
        "lxc",
        "lxc-libvirt",
        "openvz",
        "podman",
        "systemd-nspawn",
    )
