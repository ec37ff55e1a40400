# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Installed versions against advisories in OSV's format, where a site gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check, output

ADVISORIES = Check(
    "versions.advisories",
    "high",
    "No installed version is one that an advisory names",
    "Install the version that mends it: a Debian package by `apt-get`, the others by their line in group_vars/all/artifacts.yml.",
)
# The ecosystem of each kind of artifact in the catalogue; others have none.
ECOSYSTEMS = {"maven": "Maven", "go": "Go", "pypi": "PyPI"}


def key(version: str) -> list[tuple]:
    """What orders versions as Debian does, which orders plain ones of the other ecosystems, too.

    Digits count as numbers; ``~`` comes before the end, the end before letters, letters before all else.
    """
    epoch, there, rest = version.rpartition(":")
    parts: list[tuple] = [(int(epoch) if there and epoch.isdigit() else 0,)]
    upstream, _hyphen, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    for text in (upstream, revision):
        while text:
            letters, digits, text = re.match(r"(\D*)(\d*)(.*)", text, re.DOTALL).groups()
            parts.append((*(_order(letter) for letter in letters), 0))
            parts.append((int(digits or 0),))
        parts.append((0,))
    return parts


def _order(letter: str) -> int:
    return -1 if letter == "~" else ord(letter) if letter.isalpha() else ord(letter) + 256


def touches(entry: dict, version: str) -> str | None:
    """The version that mends it (empty if none does), if ``version`` is one that ``entry`` of `affected` means; else None."""
    if version in entry.get("versions", []):
        return _mended(entry)
    for span in entry.get("ranges", []):
        if span.get("type") == "GIT":
            continue
        inside = False
        for event in sorted(span["events"], key=lambda e: key(next(iter(e.values())) if "introduced" not in e else _zero(e))):
            kind, at = next(iter(event.items()))
            if kind == "introduced" and key(_zero(event)) <= key(version):
                inside = True
            elif (kind == "fixed" and key(at) <= key(version)) or (kind == "last_affected" and key(at) < key(version)):
                inside = False
        if inside:
            return _mended(entry)
    return None


def _zero(event: dict) -> str:
    return "" if event["introduced"] == "0" else event["introduced"]


def _mended(entry: dict) -> str:
    return next((e["fixed"] for span in entry.get("ranges", []) for e in span.get("events", []) if "fixed" in e), "")


def installed(facts: dict, plan: dict) -> dict[tuple[str, str], set[str]]:
    """Versions of what is installed by ecosystem and name: Debian's source packages, the catalogue's artifacts, and what lies
    in the Python environments."""
    found: dict[tuple[str, str], set[str]] = {}
    for line in (output(facts, "packages") or "").splitlines():
        _package, source, version = line.split()
        found.setdefault(("Debian", source), set()).add(version)
    for name, version in facts["releases"].items():
        entry = plan["catalogue"].get(name, {})
        if entry.get("kind") in ECOSYSTEMS:
            package = (
                ":".join(entry["coordinates"].split(":")[:2])
                if entry["kind"] == "maven"
                else entry.get("package") or entry.get("module")
            )
            found.setdefault((ECOSYSTEMS[entry["kind"]], package), set()).add(version.removeprefix("v"))
    for name, version in facts["distributions"]:
        found.setdefault(("PyPI", name), set()).add(version)
    return found


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    if plan["advisories"] is None:
        yield ADVISORIES.not_applicable("no file of advisories was given (`audit_advisories`)")
        return
    versions, faults = installed(facts, plan), []
    for advisory in plan["advisories"]:
        for entry in advisory.get("affected", []) if not advisory.get("withdrawn") else []:
            package = entry.get("package", {})
            ecosystem, _colon, release = package.get("ecosystem", "").partition(":")
            if ecosystem == "Debian" and release not in ("", plan["debian"]):
                continue
            for version in versions.get((ecosystem, package.get("name")), ()):
                mended = touches(entry, version)
                if mended is not None:
                    until = f"mended in {mended}" if mended else "no version mends it yet"
                    faults.append(f"{advisory['id']}: {package['name']} {version}, {until}")
    yield ADVISORIES.judged(faults, f"{len(versions)} packages against {len(plan['advisories'])} advisories")
