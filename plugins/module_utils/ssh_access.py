# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How whoever runs a play came in by ssh, and whether they would again when sshd takes keys only."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Callable

SSHD = "/usr/sbin/sshd"
CONFIGURATION = "/etc/ssh/sshd_config"
DROP_INS = "/etc/ssh/sshd_config.d/*.conf"
KEY = re.compile(r"^\s*(?!#).*\b(ssh-(rsa|ed25519)|ecdsa-sha2-\w+|sk-[\w@.-]+) AAAA[\w+/=]+", re.MULTILINE)
Run = Callable[[list[str]], tuple[int, str, str]]


def members_of(group: str) -> list[str]:
    """Users that a group names."""
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


class Connection:
    """An ssh connection, as sshd tells whom it lets in: who, from where, and the port that it came to."""

    def __init__(self, user: str, variable: str):
        self.user = user
        self.client, client_port, _server, port = variable.split()
        self.client_port, self.port = int(client_port), int(port)


def connection_of(pid: int, read: Callable[[str], str]) -> Connection | None:
    """The connection that process ``pid`` comes from; None if it is none of ssh.

    Sudo keeps nothing of it, so the processes above are asked; of nested ones it is the outermost.
    """
    found = None
    while pid > 1:
        variables = dict(v.split("=", 1) for v in read(f"/proc/{pid}/environ").split("\0") if "=" in v)
        if len(variables.get("SSH_CONNECTION", "").split()) == 4:
            user = variables.get("LOGNAME") or variables.get("USER") or "root"
            found = Connection(user, variables["SSH_CONNECTION"])
        above = re.search(r"^PPid:\s+(\d+)", read(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(above.group(1)) if above else 0
    return found


def settings_of(said: str) -> dict[str, list[str]]:
    """Values by keyword of what `sshd -T` prints."""
    settings: dict[str, list[str]] = {}
    for line in said.splitlines():
        keyword, _blank, value = line.partition(" ")
        settings.setdefault(keyword, []).append(value)
    return settings


def key_files(settings: dict[str, list[str]], user: str, home: str) -> list[str]:
    """Files that sshd looks for a user's keys in."""
    names = [name for value in settings.get("authorizedkeysfile", []) for name in value.split() if name != "none"]
    known = {"%%": "%", "%u": user, "%h": home}
    return [os.path.join(home, re.sub("%[%uh]", lambda match: known[match.group()], name)) for name in names]


def reads_drop_ins(configuration: str) -> bool:
    """Whether what stands in drop-ins comes before all that sshd_config says itself: of two settings, sshd takes the first."""
    lines = [line.split() for line in configuration.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and lines[0][0].lower() == "include" and DROP_INS in lines[0][1:]


def came_by_key(connection: Connection, run: Run) -> bool:
    """Whether sshd has written down that this connection was let in by a key, or by a certificate."""
    said = f"Accepted publickey for {connection.user} from {connection.client} port {connection.client_port} "
    find = ["journalctl", "--quiet", "--no-pager", "--lines=1", "--output=cat", "_COMM=sshd", f"--grep=^{re.escape(said)}"]
    rc, out, _err = run(find)
    return rc == 0 and bool(out.strip())


class Access:
    """Who is connected and may become root, and the ports and keys by which they come."""

    def __init__(self, read: Callable[[str], str], run: Run):
        self.connection = connection_of(os.getpid(), read)
        self.ports = [self.connection.port] if self.connection else []
        self.operators = sorted({*members_of("sudo"), *([self.connection.user] if self.connection else [])})
        self.faults: list[str] = []  # what would lock out whoever is connected when sshd takes keys only
        if os.path.exists(SSHD):
            self._examine(read, run)

    def _examine(self, read: Callable[[str], str], run: Run) -> None:
        come = self.connection
        who = ["-C", f"user={come.user},host={come.client},addr={come.client}"] if come else []
        rc, out, err = run([SSHD, "-T", *who])
        if rc:
            self.faults.append(f"sshd refuses its own configuration ({' '.join(err.split())}): mend {CONFIGURATION}")
            return
        settings = settings_of(out)
        self.ports = sorted({*self.ports, *map(int, settings.get("port", []))})
        if not reads_drop_ins(read(CONFIGURATION)):
            self.faults.append(
                f"{CONFIGURATION} does not begin with `Include {DROP_INS}`, so the platform's settings would do nothing: add it"
            )
        if come:
            files = key_files(settings, come.user, pwd.getpwnam(come.user).pw_dir)
            if not any(KEY.search(read(file)) for file in files) and not came_by_key(come, run):
                self.faults.append(
                    f"sshd would take no passwords any more, and {come.user}, who is connected, has no key in "
                    f"{' or '.join(files) or 'any file'}: put one there (`ssh-copy-id`), or nobody would get in again"
                )
