# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The firewall: whether what is not allowed is dropped, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output

ACTIVE = Check(
    "firewall.active",
    "high",
    "What no rule allows is dropped",
    "Run site.yml (`--tags base`), which loads the platform's table; see what there is with `nft list ruleset`.",
)
PORTS = Check(
    "firewall.ports",
    "high",
    "The firewall lets in the planned ports and nothing else",
    "Run site.yml (`--tags base`), which loads the platform's table as it should be.",
)
BOOT = Check(
    "firewall.boot",
    "medium",
    "The firewall is there after a reboot",
    "`systemctl enable` the unit that loads it, or run site.yml (`--tags base`).",
)
EVERY_PORT = range(1, 65536)


def numbers(right: object) -> set[int] | None:
    """Ports that the right side of a match names; None if that can't be told, which counts as all."""
    if isinstance(right, bool) or right is None:
        return None
    if isinstance(right, int):
        return {right}
    if isinstance(right, dict) and "range" in right:
        first, last = right["range"]
        return set(range(first, last + 1))
    items = right["set"] if isinstance(right, dict) and "set" in right else right
    if not isinstance(items, list):
        return None
    found: set[int] = set()
    for item in items:
        ports = numbers(item)
        if ports is None:
            return None
        found |= ports
    return found


def named_sets(objects: list[dict]) -> dict[tuple, list]:
    """Elements of the named sets by family, table and name."""
    sets = [item["set"] for item in objects if "set" in item]
    return {(s["family"], s["table"], s["name"]): s.get("elem", []) for s in sets}


def allowed(rule: dict, sets: dict[tuple, list]) -> tuple[str, set[int]] | None:
    """Protocol and ports that a rule accepts new connections to from anywhere; None if it accepts none."""
    matches = [part["match"] for part in rule["expr"] if "match" in part]
    if not any("accept" in part for part in rule["expr"]):
        return None
    protocol, ports = "any", set(EVERY_PORT)
    for match in matches:
        left, right = match["left"], match["right"]
        if "meta" in left and left["meta"]["key"] in ("iif", "iifname") and right == "lo":
            return None
        if "ct" in left and left["ct"]["key"] == "state" and "new" not in (right if isinstance(right, list) else [right]):
            return None
        if "meta" in left and left["meta"]["key"] in ("l4proto", "protocol", "nfproto"):
            protocol = str(right)
        if "payload" in left and left["payload"].get("field") in ("protocol", "nexthdr", "type"):
            protocol = str(right) if left["payload"]["field"] != "type" else left["payload"]["protocol"]
        if "payload" in left and left["payload"].get("field") == "dport":
            protocol = left["payload"]["protocol"]
            if isinstance(right, str) and right.startswith("@"):
                right = sets.get((rule["family"], rule["table"], right[1:]), right)
            ports = (numbers(right) if match["op"] in ("==", "in") else None) or set(EVERY_PORT)
    if protocol.startswith("icmp") or protocol == "ipv6-icmp":
        return None
    return protocol, ports


def strange(rule: dict, sets: dict[tuple, list], planned: set[int]) -> str:
    """In words, what a rule allows beyond the plan; nothing if that is nothing."""
    found = allowed(rule, sets)
    if found is None:
        return ""
    protocol, ports = found
    # What asks for the host's own address is answered to the ports of udp.
    more = ports - (planned if protocol == "tcp" else {68, 546} if protocol == "udp" else set())
    if not more:
        return ""
    named = "every port" if len(more) > 1000 else f"port {', '.join(map(str, sorted(more)))}"
    return f"table {rule['family']} {rule['table']}, chain {rule['chain']}: {named} ({protocol})"


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    text = output(facts, "firewall")
    objects = json.loads(text)["nftables"] if text else []
    chains = [item["chain"] for item in objects if "chain" in item]
    wanted = plan["firewall_table"]
    inputs = [c for c in chains if c.get("hook") == "input" and c.get("type") == "filter"]
    drops = [c for c in inputs if c.get("policy") == "drop"]
    missing = [] if wanted in map(_table, drops) else [f"there is no chain of table {wanted} that drops what comes in"]
    yield ACTIVE.judged(missing, f"table {wanted} drops what no rule allows")
    # Where another chain drops, what one accepts goes on to it: what counts is said by those that drop, or should.
    inputs = [c for c in inputs if c in drops or _table(c) == wanted]
    if not inputs:
        yield PORTS.not_applicable("there is no firewall that could let in something: see firewall.active")
    else:
        sets, planned = named_sets(objects), {port["port"] for port in plan["open_ports"]}
        own = {(c["family"], c["table"]) for c in inputs}
        rules = [item["rule"] for item in objects if "rule" in item]
        reached = _reached(rules, {(c["family"], c["table"], c["name"]) for c in inputs})
        faults = [strange(r, sets, planned) for r in rules if (r["family"], r["table"]) in own and _chain(r) in reached]
        yield PORTS.judged([f for f in faults if f], f"it lets in {', '.join(map(str, sorted(planned)))}")
    enabled = (output(facts, "enabled_units") or "").split()
    unit = f"{plan['firewall_unit']}.service"
    yield BOOT.judged([] if unit in enabled else [f"{unit} is not enabled"], f"{unit} is enabled")


def _table(chain: dict) -> str:
    return f"{chain['family']} {chain['table']}"


def _chain(rule: dict) -> tuple:
    return rule["family"], rule["table"], rule["chain"]


def _reached(rules: list[dict], chains: set[tuple]) -> set[tuple]:
    """``chains`` and those that they jump to, and so on."""
    while True:
        targets = {
            (r["family"], r["table"], part[verb]["target"])
            for r in rules
            if _chain(r) in chains
            for part in r["expr"]
            for verb in ("jump", "goto")
            if verb in part
        }
        if targets <= chains:
            return chains
        chains = chains | targets
