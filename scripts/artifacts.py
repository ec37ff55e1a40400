#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The artifact catalogue from the command line.

scripts/artifacts.py table               what is installed, in which version, from where, under which licence
scripts/artifacts.py fetch [NAME...]     fill the cache (everything by default); its folder `artifacts` is a mirror
scripts/artifacts.py unpack NAME FOLDER  lay what a host would get of NAME into FOLDER
"""

import argparse
import subprocess
import sys
from pathlib import Path

import yaml
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parent.parent
# What follows is imported from this checkout, so only now.
_AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()

from ansible_collections.foss_data.platform.plugins.module_utils.artifacts import (  # noqa: E402
    TOOLCHAINS,
    ArtifactError,
    Catalogue,
)


def rows(entries: dict) -> list[tuple[str, str, str, str, str]]:
    """Name, version, kind, origin and licence of everything that is installed, what an artifact needs beside itself included."""
    found = []
    for name, entry in sorted(entries.items()):
        version = next(iter(entry["versions"]))
        origin = next(entry[key] for key in ("coordinates", "package", "module", "lock", "address") if key in entry)
        found.append((name, version, entry["kind"], origin.format(version=version), entry["licence"]))
        extra = entry.get("extra", {"files": {}})
        for coordinates in extra["files"]:
            plain, version = coordinates.rsplit(":", 1)
            group, artifact = plain.split(":")[:2]
            found.append((f"  {artifact}", version, "maven", plain, extra["licences"][f"{group}:{artifact}"]))
    return found


def main() -> int:
    """0 when done, 1 with one line on standard error when something could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table", help="print the catalogue")
    fetch = commands.add_parser("fetch", help="fill the cache")
    fetch.add_argument("names", nargs="*", metavar="NAME")
    unpack = commands.add_parser("unpack", help="lay an artifact into a folder")
    unpack.add_argument("name", metavar="NAME")
    unpack.add_argument("folder", metavar="FOLDER", type=Path)
    for command in (fetch, unpack):
        command.add_argument("--mirror", default="", help="take everything from this directory or address")
    arguments = parser.parse_args()
    entries = yaml.safe_load((ROOT / "group_vars/all/artifacts.yml").read_text())["artifacts"]
    if arguments.command == "table":
        table = [("artifact", "version", "kind", "from", "licence"), *rows(entries)]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        for row in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return 0
    catalogue = Catalogue(entries, ROOT, arguments.mirror, lambda line: print(line, flush=True))
    try:
        if arguments.command == "unpack":
            # Debian's Python 3.11 does not know `filter` yet; tar itself refuses what would leave the folder.
            bundle = catalogue.bundle(arguments.name, catalogue.version(arguments.name))
            arguments.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["tar", "-xf", bundle, "-C", arguments.folder, "--no-same-owner"], check=True)
            return 0
        for name in arguments.names or entries:
            kind = catalogue.entry(name)["kind"]
            if kind == "python":
                catalogue.wheels(catalogue.lock(name))
            elif name in TOOLCHAINS:
                catalogue.fetch(name, catalogue.version(name))
            elif kind != "debian":
                catalogue.bundle(name, catalogue.version(name))
    except ArtifactError as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
