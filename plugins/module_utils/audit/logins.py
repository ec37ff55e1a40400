# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Doors that should be shut: default passwords, no password at all, and pages that answer without a login."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

DEFAULTS = Check(
    "logins.defaults",
    "high",
    "No service lets anybody in without a password, or with one that everybody knows",
    "Run site.yml, which sets the generated credentials; take back what gave the right (a user's password, an access rule).",
)
ANONYMOUS = Check(
    "logins.outside",
    "high",
    "From outside everything asks for a login first",
    "Take the page's route from the gateway, or put its login in front of it (run site.yml `--tags gateway`).",
)
LET_IN, REFUSED = "let in", "refused"


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    tried = [attempt for attempt in facts["logins"] if attempt["outcome"] in (LET_IN, REFUSED)]
    if tried:
        entered = [f"{attempt['service']} let in {attempt['who']}" for attempt in tried if attempt["outcome"] == LET_IN]
        by_service: dict[str, int] = {}
        for attempt in tried:
            by_service[attempt["service"]] = by_service.get(attempt["service"], 0) + 1
        refused = ", ".join(f"{service} {count}" for service, count in sorted(by_service.items()))
        missed = sorted({attempt["service"] for attempt in facts["logins"]} - set(by_service))
        silent = f"; no answer from {', '.join(missed)}" if missed else ""
        yield DEFAULTS.judged(entered, f"attempts that were refused: {refused}{silent}")
    else:
        yield DEFAULTS.not_applicable("no service was reached")
    pages = facts["outside"]["pages"]
    if pages:
        # A redirect leads to a login; a login is 401, or 403 with a form in it.
        bare = [f"{page['url']} answered {page['status']}" for page in pages if 200 <= page["status"] < 300]
        yield ANONYMOUS.judged(bare, "; ".join(f"{page['url']} {page['status']}" for page in pages))
    else:
        yield ANONYMOUS.not_applicable("nothing that speaks HTTP answers from outside")
