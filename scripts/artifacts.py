#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The artifact catalogue from the command line.

scripts/artifacts.py table            what is installed, in which version, from where, under which licence
scripts/artifacts.py fetch [NAME...]  fill the cache (everything by default); its folder `artifacts` is a mirror
"""

import argparse
import sys
from pathlib import Path

import yaml
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parent.parent
_AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()

from ansible_collections.foss_data.platform.plugins.module_utils.artifacts import ArtifactError, Catalogue  # noqa: E402


def source(entry: dict) -> str:
    """Where an entry comes from, in one word or two."""
    for key in ("coordinates", "package", "module", "lock", "address"):
        if key in entry:
            return entry[key]
    raise KeyError("an entry without coordinates")


def main() -> int:
    """0 when done, 1 with one line on standard error when something could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table", help="print the catalogue")
    fetch = commands.add_parser("fetch", help="fill the cache")
    fetch.add_argument("names", nargs="*", metavar="NAME")
    fetch.add_argument("--mirror", default="", help="take everything from this directory or address")
    arguments = parser.parse_args()
    entries = yaml.safe_load((ROOT / "group_vars/all/artifacts.yml").read_text())["artifacts"]
    if arguments.command == "table":
        rows = [("artifact", "version", "kind", "from", "licence")]
        rows += [(n, next(iter(e["versions"])), e["kind"], source(e), e["licence"]) for n, e in sorted(entries.items())]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return 0
    catalogue = Catalogue(entries, ROOT, arguments.mirror, lambda line: print(line, flush=True))
    try:
        for name in arguments.names or entries:
            kind = catalogue.entry(name)["kind"]
            if kind == "python":
                catalogue.wheels(catalogue.lock(name))
            elif name == "go":
                catalogue.fetch(name, catalogue.version(name))
            elif kind != "debian":
                catalogue.bundle(name, catalogue.version(name))
    except ArtifactError as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
