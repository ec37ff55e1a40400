#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Record the content of pipelines/shared under its version, in pipelines/shared_versions.json.

scripts/shared_version.py           under the version that it has, as long as that is in no release of the platform
scripts/shared_version.py 0.3.0     under a new one
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parent.parent
# What follows is imported from this checkout, so only now.
_AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()

from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of  # noqa: E402
from ansible_collections.foss_data.platform.plugins.module_utils.shared_version import (  # noqa: E402
    VERSIONS,
    content_sum,
    known_versions,
)

SHARED = ROOT / "pipelines" / "shared"
PROJECT = SHARED / "dbt" / "dbt_project.yml"


def git(*arguments: str) -> str:
    """What git says; empty if it fails."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False).stdout


def released() -> dict[str, str]:
    """The versions that the newest release of the platform knows."""
    tag = git("describe", "--tags", "--abbrev=0").strip()
    return json.loads(git("show", f"{tag}:pipelines/shared_versions.json") or "{}") if tag else {}


def record(version: str) -> str:
    """Write the sum, and the version where it is said; what was done. Raises ValueError in one sentence."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        raise ValueError(f"{version!r} is no version, such as 0.3.0")
    (SHARED / "VERSION").write_text(version + "\n", encoding="ascii")
    PROJECT.write_text(re.sub(r"(?m)^version: .*", f"version: {version}", PROJECT.read_text(encoding="utf-8")), encoding="utf-8")
    found, known = content_sum(files_of(SHARED)), known_versions()
    if known.get(version) == found:
        return f"version {version} is recorded already"
    if released().get(version, found) != found:
        raise ValueError(f"version {version} of shared is in a release of the platform: give what you changed a new one")
    known[version] = found
    VERSIONS.write_text(json.dumps(known, indent=2) + "\n", encoding="ascii")
    return f"recorded version {version}"


def main() -> int:
    """Exit code 0, or 1 with one line."""
    try:
        print(record(sys.argv[1] if len(sys.argv) > 1 else (SHARED / "VERSION").read_text(encoding="ascii").strip()))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
