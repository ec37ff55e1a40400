# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""TLS: what each server that speaks it was found to speak."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

RENEW = "Run site.yml, which renews what is due; a certificate of your own has to be put in its place and named in the inventory."
PROTOCOLS = Check(
    "tls.protocols",
    "high",
    "TLS 1.2 or newer is spoken, and nothing older",
    "Set the protocols of that service to TLS 1.2 and 1.3.",
)
CIPHERS = Check(
    "tls.ciphers",
    "high",
    "Every cipher authenticates, encrypts, and keeps what was recorded secret",
    "Set the ciphers of that service to those of the intermediate profile (ECDHE with AES-GCM or ChaCha20).",
)
CHAINED = Check(
    "tls.chained",
    "low",
    "What answers from outside takes no cipher that chains blocks",
    "Set the ciphers of that service to those of the intermediate profile (ECDHE with AES-GCM or ChaCha20).",
)
CHAIN = Check("tls.chain", "high", "Every certificate is good for its name and signed by an authority that is trusted", RENEW)
DATES = Check("tls.dates", "medium", "Every certificate is good for two weeks at least", RENEW)
STRICT = Check(
    "tls.strict",
    "medium",
    "Browsers are told to come over TLS only",
    "Have the gateway send Strict-Transport-Security with every answer (run site.yml `--tags gateway`).",
)
OLD = ("TLS 1.0", "TLS 1.1")
DAY = 86400
DAYS_LEFT = 14


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    over = [page for page in facts["outside"]["pages"] if page["url"].startswith("https:")]
    if over:
        yield STRICT.judged([f"{page['url']} says nothing of it" for page in over if not page["strict"]], f"{len(over)} pages")
    else:
        yield STRICT.not_applicable("no page answers over TLS from outside")
    inside, outside = facts["tls"], facts["outside"]["tls"]
    every = [server for server in inside + outside if server["reached"]]
    if not every:
        for check in (PROTOCOLS, CIPHERS, CHAINED, CHAIN, DATES):
            yield check.not_applicable("no server that speaks TLS was reached")
        return
    seen = "; ".join(f"{_where(s)}: {', '.join(s['versions'])}" for s in every)
    yield PROTOCOLS.judged([f"{_where(s)} speaks {version}" for s in every for version in s["versions"] if version in OLD], seen)
    yield CIPHERS.judged([f"{_where(s)} takes {s['broken']}" for s in every if s["broken"]], seen)
    # On loopback nobody stands between the two.
    met = [s for s in outside if s["reached"]]
    if met:
        yield CHAINED.judged([f"{_where(s)} takes {s['chained']}" for s in met if s["chained"]], f"{len(met)} servers")
    else:
        yield CHAINED.not_applicable("nothing that speaks TLS answers from outside")
    yield CHAIN.judged(
        [f"{_where(s)} as {s['name']}: {s['untrusted']}" for s in every if s["untrusted"]], f"{len(every)} servers"
    )
    dated = [(s, int((s["ends"] - facts["now"]) // DAY)) for s in every if s["ends"] is not None]
    if dated:
        soon = [f"{_where(s)}: {days} days left" for s, days in dated if days < DAYS_LEFT]
        yield DATES.judged(soon, "; ".join(f"{_where(s)}: {days} days left" for s, days in dated))
    else:
        yield DATES.not_applicable("no certificate is trusted: see tls.chain")


def _where(server: dict) -> str:
    return f"{server['address']}:{server['port']}"
