# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Accounts: who may log in, and who may become root."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

UID_ZERO = Check(
    "users.uid0",
    "high",
    "Nobody but root has root's number",
    "Remove the account (`userdel --force NAME`) and find out who made it.",
)
EMPTY = Check(
    "users.empty_password",
    "high",
    "No account can be entered without a password",
    "Lock it with `passwd --lock NAME`.",
)
SERVICES = Check(
    "users.services",
    "high",
    "Accounts of services and pipelines have no shell, no password and no key",
    "`usermod --shell /usr/sbin/nologin --lock NAME`, and remove its `.ssh/authorized_keys`.",
)
ACCOUNTS = Check(
    "users.accounts",
    "medium",
    "Only administrators can log in",
    "Remove the account, or name it in `audit_administrators` of the inventory if it is meant.",
)
ADMINISTRATORS = Check(
    "users.administrators",
    "high",
    "Only administrators can become root",
    "Remove the line from sudoers, or the account from the group; or name it in `audit_administrators` if it is meant.",
)
NO_SHELL = ("nologin", "false", "sync")
FIRST_PERSON, LAST_PERSON = 1000, 59999
# Whoever is in one of these can become root, or read what root alone should.
AS_ROOT = {"root", "sudo", "wheel", "admin", "docker", "lxd", "disk", "shadow", "kmem", "staff"}
# Settings, and what reads other files, which are read here, too.
NO_RULE = re.compile(r"\s*(#|@|Defaults\b|\w+_Alias\b|$)")


def is_person(user: dict) -> bool:
    """Whether it is an account of somebody's, by its number and its name."""
    return FIRST_PERSON <= user["uid"] <= LAST_PERSON and not user["name"].startswith("pl-")


def has_shell(user: dict) -> bool:
    """Whether something other than an end follows a login."""
    return user["shell"].rsplit("/", 1)[-1] not in NO_SHELL


def rules(sudoers: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """File, user or ``%group``, and the whole line of each rule of sudo."""
    for path, text in sudoers.items():
        for line in text.replace("\\\n", " ").splitlines():
            if not NO_RULE.match(line):
                yield path, line.split()[0], " ".join(line.split())


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    users = facts["users"]
    administrators = {"root", *plan["administrators"]}
    yield UID_ZERO.judged([u["name"] for u in users if u["uid"] == 0 and u["name"] != "root"], "root alone has uid 0")
    yield EMPTY.judged([u["name"] for u in users if u["password"] == "empty"], f"none of {len(users)} accounts")

    services = [u for u in users if u["name"] not in administrators and not is_person(u)]
    faults = [f"{u['name']} has the shell {u['shell']}" for u in services if has_shell(u)]
    faults += [f"{u['name']} has a password" for u in services if u["password"] == "set"]
    faults += [f"{u['name']} has {u['keys']} in {u['home']}/.ssh" for u in services if u["keys"]]
    yield SERVICES.judged(faults, f"{len(services)} accounts of services and pipelines")

    people = [u for u in users if u["name"] not in administrators and is_person(u) and (has_shell(u) or u["keys"])]
    known = ", ".join(sorted(administrators))
    yield ACCOUNTS.judged([f"{u['name']} ({u['shell']}, {u['keys']} keys)" for u in people], f"administrators are {known}")

    faults = [f"{path}: {line}" for path, who, line in rules(facts["sudoers"]) if who.lstrip("%") not in administrators | AS_ROOT]
    faults += [
        f"{member} is in the group {group}"
        for group, members in facts["groups"].items()
        if group in AS_ROOT
        for member in members
        if member not in administrators
    ]
    yield ADMINISTRATORS.judged(faults, f"only {known} can")
