# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Sockets that listen, seen from inside and from outside, against the plan."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output, unit_of

EXPOSED = Check(
    "sockets.exposed",
    "high",
    "Only what is planned listens beyond loopback",
    "Stop what listens there, or bind it to 127.0.0.1; what has to be reached from outside goes through the gateway.",
)
OWNER = Check(
    "sockets.owner",
    "high",
    "Every port of the platform is held by its own unit",
    "Look what the other process is (`ss -ltnp`), stop it, and start the unit that the port belongs to.",
)
UNPLANNED = Check(
    "sockets.unplanned",
    "medium",
    "Nothing listens on loopback that is not planned",
    "Stop it, or give it a line in `audit_local_ports` of the inventory, so that it is known.",
)
OUTSIDE = Check(
    "sockets.outside",
    "high",
    "From outside only the planned ports answer",
    "Find what answers (`ss -ltnp`, `nft list ruleset`, containers' published ports) and close it.",
)
# What a host asks for its own address by.
ADDRESS_CLIENTS = {("udp", 68), ("udp", 546)}


def listening(text: str) -> list[dict]:
    """Protocol, address, port and unit of each line of ``ss -Hlntu --cgroup``."""
    found = []
    for line in text.splitlines():
        protocol, _state, _receive, _send, local, _peer, *rest = line.split()
        address, port = local.rsplit(":", 1)
        address = re.sub(r"%\w+$", "", address.strip("[]"))
        found.append({"protocol": protocol, "address": address, "port": int(port), "unit": unit_of(" ".join(rest))})
    return found


def on_loopback(address: str) -> bool:
    """Whether only this host reaches it."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def belongs(unit: str, wanted: str) -> bool:
    """Whether ``unit`` is the one that the plan means, of which it may say the beginning (PostgreSQL's has its version in it)."""
    return unit == wanted or unit.startswith(f"{wanted}@")


def shown(sockets: list[dict]) -> list[str]:
    """A line for each."""
    return [f"{s['protocol']} {s['address']}:{s['port']} ({s['unit'] or 'no unit'})" for s in sockets]


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    text = output(facts, "sockets")
    if text is None:
        for check in (EXPOSED, OWNER, UNPLANNED):
            yield check.not_applicable("ss gave no list of the sockets")
    else:
        yield from _inside(listening(text), plan)
    yield _outside(facts["outside"], plan)


def _inside(sockets: list[dict], plan: dict) -> Iterator[dict]:
    # A service has its port on loopback, and the gateway the same one beyond.
    opened = {port["port"]: port["unit"] for port in plan["open_ports"]}
    local = {port["port"]: port["unit"] for port in plan["local_ports"]}
    beyond = [s for s in sockets if not on_loopback(s["address"]) and (s["protocol"], s["port"]) not in ADDRESS_CLIENTS]
    within = [s for s in sockets if on_loopback(s["address"])]

    wrong = [s for s in beyond if s["protocol"] != "tcp" or s["port"] not in opened]
    yield EXPOSED.judged(shown(wrong), f"beyond loopback listen {', '.join(shown(beyond)) or 'none'}")

    held = [(s, opened.get(s["port"])) for s in beyond] + [(s, local.get(s["port"], opened.get(s["port"]))) for s in within]
    held = [(s, wanted) for s, wanted in held if wanted and s["protocol"] == "tcp"]
    strange = [s for s, wanted in held if not belongs(s["unit"], wanted)]
    yield OWNER.judged(shown(strange), f"{len(held)} sockets, each of the unit that the plan names")

    known = set(opened) | set(local)
    # A name server of the host's own, and a clock's control socket, are the system's.
    system = {s["port"] for s in within if s["unit"] in ("systemd-resolved", "chrony", "systemd-timesyncd")}
    unknown = [s for s in within if s["port"] not in known | system]
    yield UNPLANNED.judged(shown(unknown), f"{len(within)} sockets on loopback, all of them planned")


def _outside(outside: dict, plan: dict) -> dict:
    if not outside["reached"]:
        return OUTSIDE.not_applicable(f"{outside['address']} could not be reached from where the audit ran: {outside['why']}")
    if not outside["open"]:
        return OUTSIDE.not_applicable(f"nothing at all answers at {outside['address']}, not even ssh: is `audit_address` right?")
    planned = {port["port"] for port in plan["open_ports"]}
    strange = [f"tcp port {port} answers at {outside['address']}" for port in outside["open"] if port not in planned]
    walked = f"of {outside['walked']} tcp ports of {outside['address']} these answer: {', '.join(map(str, outside['open']))}"
    return OUTSIDE.judged(strange, walked)
