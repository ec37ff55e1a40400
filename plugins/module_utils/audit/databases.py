# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""PostgreSQL's own rules: who is superuser, and which lines of its access file let people in without a password."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output

SUPERUSERS = Check(
    "databases.superusers",
    "high",
    "Only postgres is a superuser of PostgreSQL, and only by its own Linux user",
    "Take it back: `ALTER ROLE name NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS`, then run site.yml.",
)
RULES = Check(
    "databases.rules",
    "high",
    "PostgreSQL asks everybody who comes over the network for a password, and its own user for its Linux user",
    "Run site.yml (`--tags postgresql`), which writes pg_hba.conf; nothing else should.",
)
GOOD = ("scram-sha-256", "reject", "cert")


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    roles, lines = output(facts, "postgresql_roles"), output(facts, "postgresql_rules")
    if roles is None or lines is None:
        for check in (SUPERUSERS, RULES):
            yield check.not_applicable("PostgreSQL is not here, or did not answer")
        return
    raised = [line.split("|") for line in roles.splitlines()]
    yield SUPERUSERS.judged([f"{name} may {rights}" for name, rights in raised if name != "postgres"], "postgres alone")
    faults, count = [], 0
    for line in lines.splitlines():
        number, kind, method, error, users = line.split("|")
        count += 1
        if error:
            faults.append(f"line {number} can't be read: {error}")
        elif not (method in GOOD or (kind == "local" and method == "peer" and users == "{postgres}")):
            faults.append(f"line {number}: {kind} connections of {users} by {method}")
    yield RULES.judged(faults, f"{count} lines")
