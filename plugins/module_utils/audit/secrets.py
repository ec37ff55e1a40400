# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How long the credentials have been the same."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

AGE = Check(
    "secrets.age",
    "medium",
    "The credentials were changed within the time that the site allows",
    "Change them with playbooks/rotate_secrets.yml.",
)


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    made, allowed = plan["secrets_made"], int(plan["secret_days"])
    if not made:
        yield AGE.not_applicable("the inventory's file of credentials does not say when they were made")
        return
    now = datetime.datetime.fromtimestamp(facts["now"], datetime.UTC).date()
    ages = {name: (now - datetime.date.fromisoformat(str(day)[:10])).days for name, day in made.items()}
    old = [f"{name} is {days} days old, {allowed} are allowed" for name, days in ages.items() if days > allowed]
    unknown = [f"when {name} was made is not known" for name in plan["secret_names"] if name not in ages]
    yield AGE.judged(old + unknown, f"the oldest of {len(ages)} is {max(ages.values())} days old; {allowed} are allowed")
