# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Modes and owners of files, and credentials where others can read them."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import Check

SECRETS = Check(
    "files.secrets",
    "high",
    "No file that holds credentials can be read by everybody",
    "Run site.yml, which sets the modes again, and change the credentials: whoever had a shell may have read them.",
)
VALUES = Check(
    "files.values",
    "high",
    "No credential stands in a file that everybody can read, in a process list or in the journal",
    "Remove it there and change that credential: it has to be taken as known.",
)
WRITABLE = Check(
    "files.writable",
    "high",
    "Nothing can be written by everybody, but for folders with the sticky bit",
    "Take the right away with `chmod o-w`, and look whether the content was changed.",
)
OWNER = Check(
    "files.owner",
    "high",
    "What root runs, and how, belongs to root alone",
    "Look whether its content was changed; then `chown root:root` and `chmod go-w`, or run site.yml.",
)
SETUID = Check(
    "files.setuid",
    "high",
    "No program gives rights away but those of Debian that are meant to",
    "Find out where it comes from (`dpkg -S PATH`), then remove it or the bit (`chmod u-s,g-s`, `setcap -r`).",
)
# Programs of Debian's that run with more rights than whoever starts them. Which of them a host has depends on its packages.
KNOWN = {
    "arping",
    "at",
    "bwrap",
    "chage",
    "chfn",
    "chsh",
    "clockdiff",
    "crontab",
    "dbus-daemon-launch-helper",
    "dotlockfile",
    "exim4",
    "expiry",
    "fping",
    "fusermount",
    "fusermount3",
    "gpasswd",
    "mail-lock",
    "mail-touchlock",
    "mail-unlock",
    "mount",
    "mtr-packet",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "ntfs-3g",
    "passwd",
    "ping",
    "pkexec",
    "plocate",
    "polkit-agent-helper-1",
    "postdrop",
    "postqueue",
    "screen",
    "ssh-agent",
    "ssh-keysign",
    "su",
    "sudo",
    "sudoedit",
    "umount",
    "unix_chkpwd",
    "utempter",
    "wall",
    "write",
    "write.ul",
}
SYSTEM = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/")


def judge(facts: dict, plan: dict) -> Iterator[dict]:
    """Findings of this area."""
    files = facts["files"]
    seen = f"{files['looked_at']} files and folders that others reach"
    yield SECRETS.judged([f"{f['path']} has mode {f['mode']}, owner {f['owner']}" for f in files["sensitive"]], seen)
    yield VALUES.judged(
        [f"{held['secret']} stands in {held['where']}" for held in files["holding"]],
        f"{len(plan['secret_names'])} credentials were looked for in {files['read']} files that others can read, in the "
        "arguments of all processes, and in the journal of the last day",
    )
    yield WRITABLE.judged([f"{f['path']} has mode {f['mode']}" for f in files["writable"]], seen)
    yield OWNER.judged([f"{f['path']} has owner {f['owner']} and mode {f['mode']}" for f in files["foreign"]], seen)
    strange = [
        f"{f['path']} ({f['kind']}, owner {f['owner']})"
        for f in files["raising"]
        if not (f["path"].startswith(SYSTEM) and f["path"].rsplit("/", 1)[-1] in KNOWN)
    ]
    yield SETUID.judged(strange, f"{len(files['raising'])} programs, all of them known ones of Debian's")
