# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""One walk over the host's files, for all that the audit asks of them; then over its processes and its journal."""

from __future__ import annotations

import contextlib
import fnmatch
import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterator

# File systems of their own are walked where they are named here; what else is mounted is somebody else's.
ROOTS = (
    "/",
    "/boot",
    "/home",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/local",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/tmp",
)
# The kernel's own.
NEVER = {"/proc", "/sys", "/dev", "/run/user", "/run/credentials"}
# Names of files that hold credentials, wherever they lie.
SENSITIVE = (
    "/etc/*/*.env",
    "/etc/*/*passwords.txt",
    "/etc/*/s3-mapping.json",
    "/etc/*key.pem",
    "/etc/*.key",
    "/etc/pipelines/*/secrets",
    "/etc/[g]shadow*",
    "/etc/shadow*",
    "/etc/ssh/ssh_host_*_key",
    "/root/.ssh/*",
    "*/.pgpass",
    "*/sops/age/keys.txt",
)
# What root runs, or what says what root runs.
ROOTS_OWN = (
    "/etc/cron*",
    "/etc/init.d/",
    "/etc/pam.d/",
    "/etc/profile",
    "/etc/ssh/",
    "/etc/sudoers",
    "/etc/systemd/",
    "/etc/nftables",
    "/opt/",
    "/root/",
    "/usr/bin/",
    "/usr/lib/",
    "/usr/libexec/",
    "/usr/local/",
    "/usr/sbin/",
)
# Debian gives /usr/local to it, and nobody is a member.
STAFF = 50
# What a credential may have been copied into. Programs are pinned by their sums, so they are not read.
READ = ("/etc/", "/home/", "/root/", "/run/", "/srv/", "/tmp/", "/usr/local/", "/var/")
LARGEST = 1 << 20  # bytes of a file that is read
SHORTEST = 16  # characters; what is shorter could stand somewhere by chance
NOT_READ = (".jar", ".so", ".pyc", ".parquet", ".zip", ".gz", ".deb", ".journal")
JOURNAL = ["journalctl", "--quiet", "--no-pager", "--since=-1day", "--output=cat"]


def needles(secrets: dict[str, str]) -> dict[bytes, str]:
    """What is looked for, and whose it is: each credential, of one with several lines the first that is its own."""
    found = {}
    for name, value in secrets.items():
        lines = [line for line in str(value).splitlines() if not line.startswith("-----") and len(line) >= SHORTEST]
        if lines:
            found[lines[0].encode()] = name
    return found


def look(secrets: dict[bytes, str]) -> dict:
    """What of all files and folders that others than their owner reach is worth a word."""
    pattern = _pattern(secrets)
    found: dict = {"looked_at": 0, "read": 0, "writable": [], "raising": [], "sensitive": [], "foreign": [], "holding": []}
    for path, status in _reachable():
        found["looked_at"] += 1
        mode, regular = status.st_mode, stat.S_ISREG(status.st_mode)
        if stat.S_ISLNK(mode):
            continue
        if mode & stat.S_IWOTH and (regular or (stat.S_ISDIR(mode) and not mode & stat.S_ISVTX)):
            found["writable"].append(_shown(path, status))
        if regular and mode & (stat.S_ISUID | stat.S_ISGID) and mode & 0o111:
            found["raising"].append(_shown(path, status) | {"kind": "setuid" if mode & stat.S_ISUID else "setgid"})
        elif regular and mode & 0o111 and _capable(path):
            found["raising"].append(_shown(path, status) | {"kind": "capabilities"})
        if (status.st_uid != 0 or (mode & stat.S_IWGRP and status.st_gid not in (0, STAFF))) and _is_roots_own(path):
            found["foreign"].append(_shown(path, status))
        if regular and mode & stat.S_IROTH:
            if not path.endswith(".pub") and any(fnmatch.fnmatch(path, name) for name in SENSITIVE):
                found["sensitive"].append(_shown(path, status))
            if pattern and path.startswith(READ) and status.st_size <= LARGEST and not path.endswith(NOT_READ):
                found["read"] += 1
                found["holding"] += [
                    {"secret": secrets[value], "where": _shown(path, status)["path"]} for value in _inside(path, pattern)
                ]
    return found


def _reachable() -> Iterator[tuple[str, os.stat_result]]:
    """Every path below ROOTS that somebody else than its owner can come to, with its status."""
    seen: set[tuple[int, int]] = set()
    for top in ROOTS:
        folders = [top]
        while folders:
            folder = folders.pop()
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                within = os.stat(folder)
                if (within.st_dev, within.st_ino) in seen:
                    continue
                seen.add((within.st_dev, within.st_ino))
                for entry in entries:
                    # It may be gone by now.
                    with contextlib.suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        yield entry.path, status
                        below = stat.S_ISDIR(status.st_mode) and status.st_dev == within.st_dev
                        if below and status.st_mode & stat.S_IXOTH and entry.path not in NEVER:
                            folders.append(entry.path)


def _is_roots_own(path: str) -> bool:
    return path.startswith(ROOTS_OWN)


def _capable(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability", follow_symlinks=False))
    except OSError:
        return False


def _shown(path: str, status: os.stat_result) -> dict:
    name = path.encode(errors="surrogateescape").decode(errors="replace")
    return {
        "path": name,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": f"{_user(status.st_uid)}:{_group(status.st_gid)}",
    }


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _pattern(secrets: dict[bytes, str]) -> re.Pattern | None:
    return re.compile(b"|".join(map(re.escape, secrets))) if secrets else None


def _inside(path: str, pattern: re.Pattern) -> set[bytes]:
    # A file of somebody else's is not waited for, should it be none by now.
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as handle:
            return set(pattern.findall(handle.read(LARGEST)))
    except OSError:
        return set()


def in_processes(secrets: dict[bytes, str]) -> list[dict]:
    """Credentials among the arguments of processes, which everybody can read."""
    pattern, found = _pattern(secrets), []
    for pid in (name for name in os.listdir("/proc") if name.isdigit() and pattern):
        for value in _inside(f"/proc/{pid}/cmdline", pattern):
            found.append({"secret": secrets[value], "where": f"the arguments of process {pid} ({_name(pid)})"})
    return found


def _name(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as handle:
            return handle.read().strip()
    except OSError:
        return "gone by now"


def in_journal(secrets: dict[bytes, str]) -> list[dict]:
    """Credentials in what was logged within the last day. What is looked for is in nobody's arguments."""
    pattern, found = _pattern(secrets), set()
    if pattern is None:
        return []
    with (
        contextlib.suppress(FileNotFoundError),
        subprocess.Popen(JOURNAL, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as journal,
    ):
        for line in journal.stdout:
            found.update(pattern.findall(line))
    return [{"secret": secrets[value], "where": "the journal of the last day"} for value in sorted(found)]
