# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The version of shared that a pipeline carries: one that the platform gave out, with the content that it had.

Each pipeline has a copy of its own, so one may move while another stays. ``pipelines/shared_versions.json`` has the sum of each
version's content; ``scripts/shared_version.py`` writes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

FOLDER = "shared/"
VERSION = "shared/VERSION"
VERSIONS = Path(__file__).resolve().parents[2] / "pipelines" / "shared_versions.json"


def content_sum(files: dict[str, Path]) -> str:
    """sha256 over the names and the content of ``files`` (path in shared -> file)."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(json.dumps([name, hashlib.sha256(path.read_bytes()).hexdigest()]).encode())
    return digest.hexdigest()


def known_versions() -> dict[str, str]:
    """Sum of the content of each version that was given out."""
    return json.loads(VERSIONS.read_text(encoding="utf-8"))


def shared_version_fault(files: dict[str, Path]) -> str:
    """What is wrong with the shared of a pipeline, in one sentence; empty if nothing is, or if it has none.

    ``files`` are all files of the pipeline (path in its release -> file), as ``pipeline_source.files_of`` gives them.
    """
    shared = {name.removeprefix(FOLDER): path for name, path in files.items() if name.startswith(FOLDER)}
    if not shared:
        return ""
    if "VERSION" not in shared:
        return f"it has a folder {FOLDER} without a VERSION: take the whole folder from the platform's pipelines/shared"
    version = shared["VERSION"].read_text(encoding="utf-8", errors="replace").strip()
    known = known_versions()
    if version not in known:
        return (
            f"it carries version {version[:20]!r} of shared, which this platform does not know (it knows {', '.join(known)}): "
            "bring the platform up to date, or take one of these"
        )
    if content_sum(shared) != known[version]:
        return (
            f"its shared/ is not what version {version} is: put it back, and keep what is your own outside of it; "
            "`make template-update` brings a newer version"
        )
    return ""
