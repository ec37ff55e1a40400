# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``gateway_faults``: what is wrong with the list of those who may sign in, before anything is changed."""

from __future__ import annotations

import re

DOCUMENTATION = r"""
name: gateway_faults
short_description: What is wrong with the gateway's users, in sentences
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Names go into configuration files, so they are plain ones. A password that is short can be guessed, and of one that is longer
    than 72 bytes bcrypt would look at the beginning alone.
options:
  _input:
    description: The users, each with C(name), C(role) and C(password).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
base_faults: "{{ gateway_users | foss_data.platform.gateway_faults }}"
"""

RETURN = r"""
_value:
  description: One sentence for each fault; empty if there is none. No password is in it.
  type: list
  elements: str
"""

ROLES = ("viewer", "engineer", "admin")
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
SHORTEST = 12  # bytes of a password
LONGEST = 72


def gateway_faults(users: list[dict]) -> list[str]:
    """Sentences about ``users``."""
    if not users:
        return ["gateway_users is empty: nobody could sign in, so name one at least"]
    faults, seen = [], set()
    for user in users:
        name = str(user.get("name", ""))
        shown = f"gateway_users: {name!r}"
        if not NAME.fullmatch(name):
            faults.append(f"{shown} can't be a name: use up to 63 small letters, digits and ._@- after a letter or a digit")
        if name in seen:
            faults.append(f"{shown} is there twice: take one of them out")
        seen.add(name)
        if user.get("role") not in ROLES:
            faults.append(
                f"{shown} has the role {user.get('role')!r}, which there is not: choose {', '.join(ROLES[:-1])} or {ROLES[-1]}"
            )
        if not SHORTEST <= len(str(user.get("password") or "").encode()) <= LONGEST:
            faults.append(f"{shown} has to have a password of {SHORTEST} to {LONGEST} bytes")
        if unknown := sorted(set(user) - {"name", "role", "password"}):
            faults.append(f"{shown} has {', '.join(unknown)}, which nothing reads: take it out")
    return faults


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"gateway_faults": gateway_faults}
