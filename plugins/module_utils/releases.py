# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Where a pipeline's releases lie on its host: ``releases/ID``, and ``current``, a link to the one that has proven itself.

And what each ran with when it did.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import stat
import tempfile

from ansible_collections.foss_data.platform.plugins.module_utils.environments import remove_unused, used_by
from ansible_collections.foss_data.platform.plugins.module_utils.governance import release_masks
from ansible_collections.foss_data.platform.plugins.module_utils.judging import judged

ENVIRONMENT = ".environment"  # in a release: a link to what it runs in
READY = ".ready"  # written last: without it a folder is what an interrupted play left


def is_ready(folder: str) -> bool:
    """Whether a release was installed there to the end. Until then the folder is not root's, whatever is in it."""
    try:
        return os.lstat(folder).st_uid == os.geteuid() and stat.S_ISREG(os.lstat(os.path.join(folder, READY)).st_mode)
    except FileNotFoundError:
        return False


def masks(folder: str, manifest: dict) -> dict[str, dict[str, dict[str, str]]]:
    """What others see of what the release in ``folder`` publishes; what releases beside it mask counts, too.

    Raises ValueError in one line if that can't be known.
    """
    releases = os.path.dirname(folder)
    made = [os.path.join(releases, name) for name in os.listdir(releases)] if os.path.isdir(releases) else []
    ready = sorted(filter(is_ready, made), key=lambda path: (path == folder, os.lstat(path).st_mtime), reverse=True)
    try:
        return judged(release_masks, ready[0], manifest, ready[1:]) if ready else {}
    except ValueError as error:
        raise ValueError(f"what others may see of the release {os.path.basename(folder)} is not known: {error}") from error


def usable(path: str, release: str) -> bool:
    """Whether a release and the environment that it runs in are still there."""
    folder = os.path.join(path, "releases", release)
    return all(os.path.exists(os.path.join(folder, name)) for name in (READY, ENVIRONMENT))


def in_use(path: str) -> set[str]:
    """Ids of the releases that running processes name: the code server, and runs that began with an older one."""
    named = re.compile(re.escape(f"{path}/releases/".encode()) + rb"([^/:\0]+)")
    found: set[str] = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        for what in "environ", "cmdline":
            # It may end meanwhile.
            with contextlib.suppress(OSError), open(f"/proc/{process}/{what}", "rb") as handle:
                found |= {name.decode(errors="replace") for name in named.findall(handle.read())}
    return found


def to_remove(made: dict[str, float], needed: set[str], keep: int) -> list[str]:
    """Ids of the releases (id -> time it was made) that are too many: ``keep`` stay, and all that are needed."""
    others = sorted((r for r in made if r not in needed), key=lambda r: made[r], reverse=True)
    return others[max(keep - len(needed & made.keys()), 0) :]


def remove_environments(folder: str, pipelines: str) -> list[str]:
    """Remove what is in ``folder`` and no release below ``pipelines`` needs."""
    releases = {os.path.dirname(path) for path in glob.glob(os.path.join(pipelines, "*", "releases", "*", READY))}
    if any(not os.path.islink(os.path.join(release, ENVIRONMENT)) for release in releases):
        return []
    return remove_unused(folder, used_by(os.path.join(pipelines, "*", "releases", "*", ENVIRONMENT)))


def read(path: str) -> dict | None:
    """Content and mode of a file; None if there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return {"content": handle.read(), "mode": os.fstat(handle.fileno()).st_mode & 0o777}
    except FileNotFoundError:
        return None


def write(path: str, content: str, mode: int) -> None:
    """The file, whole or not at all."""
    handle, partial = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(content)
        os.chmod(partial, mode)
        os.rename(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


class Records:
    """What each release's service ran with when it proved itself."""

    def __init__(self, folder: str):
        self._folder = folder

    def _file(self, release: str) -> str:
        return os.path.join(self._folder, f"{release}.json")

    def get(self, release: str) -> dict:
        """``release``, ``deployed`` (time stamp), ``inputs`` (fingerprints) and ``files``; nothing in them if it never has."""
        found = read(self._file(release)) if release else None
        return json.loads(found["content"]) if found else {"release": "", "deployed": 0, "inputs": [], "files": {}}

    def put(self, record: dict) -> None:
        """Keep it."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        if self.get(record["release"]) != record:
            write(self._file(record["release"]), json.dumps(record, indent=1) + "\n", 0o600)

    def releases(self) -> list[str]:
        """Those that have proven themselves, the last deployed first."""
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        found = [self.get(name.removesuffix(".json")) for name in names if name.endswith(".json") and not name.startswith(".")]
        return [r["release"] for r in sorted(found, key=lambda r: r["deployed"], reverse=True)]

    def forget(self, releases: set[str]) -> None:
        """Keep nothing of them."""
        for release in releases:
            os.unlink(self._file(release))
