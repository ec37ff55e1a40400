# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The system under the services: clock, kernel, and the record of what happened."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, in_container, output, pairs

CLOCK = Check(
    "system.clock",
    "medium",
    "The clock is set by others",
    "`timedatectl set-ntp true`, and look at `timedatectl timesync-status`: certificates and logs go by the time.",
)
NETWORK = Check(
    "system.network",
    "medium",
    "The kernel takes no routes from strangers and answers no forged addresses",
    "Run site.yml (`--tags base`), or `sysctl --system`; look what sets it otherwise in /etc/sysctl.d.",
)
KERNEL = Check(
    "system.kernel",
    "medium",
    "The kernel hides its addresses and holds programs apart",
    "Run site.yml (`--tags base`), or `sysctl --system`; look what sets it otherwise in /etc/sysctl.d.",
)
RECORD = Check(
    "system.record",
    "medium",
    "Changes to accounts, rights and configuration are recorded",
    "`systemctl enable --now auditd`, then run site.yml (`--tags base`), which writes its rules.",
)


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    machine = "this is a container: its machine's kernel does that"
    contained = in_container(facts)
    if contained:
        yield CLOCK.not_applicable(machine)
    else:
        set_by = pairs(output(facts, "clock") or "")
        off = [f"{key} is {set_by.get(key, 'not known')}" for key in ("NTP", "NTPSynchronized") if set_by.get(key) != "yes"]
        yield CLOCK.judged(off, "it is synchronized")
    for check, of_network in ((NETWORK, True), (KERNEL, False)):
        if contained:
            yield check.not_applicable(machine)
            continue
        settings = [setting for setting in facts["sysctl"] if setting[0].startswith("net.") == of_network]
        # One that this kernel does not have is no fault.
        faults = [f"{key} is {there}, not {wanted}" for key, wanted, there in settings if there not in (None, wanted)]
        missing = [] if settings else [f"{plan['sysctl_file']}, which says what is wanted, is not there"]
        yield check.judged(faults + missing, f"{len(settings)} settings are as {plan['sysctl_file']} wants them")
    if contained:
        yield RECORD.not_applicable(machine)
    else:
        running = f"{plan['record_unit']}.service" in (output(facts, "active_units") or "").split()
        rules = [line for line in (output(facts, "record_rules") or "").splitlines() if line.startswith("-")]
        faults = [] if running else [f"{plan['record_unit']} does not run"]
        yield RECORD.judged(faults + ([] if rules else ["the kernel has no rule of it"]), f"{len(rules)} rules")
