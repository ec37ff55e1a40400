#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_host
short_description: What a security audit has to know of a host, seen from inside
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Gathers in one round trip what is listening, how units are sandboxed, modes of files, accounts, sshd's settings, the firewall,
    updates, installed versions, and what services answer to passwords that everybody knows. It judges nothing; that is done by
    P(foss_data.platform.audit_report#filter).
  - No password's hash and no credential is in what it returns.
attributes:
  check_mode:
    description: It never changes anything, so it does the same.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
options:
  secrets:
    description: Credentials by name, to look for where they should not be.
    type: dict
    default: {}
  logins:
    description: Services to try passwords on that everybody knows.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Its name in the report.
        type: str
        required: true
      kind:
        description: How one logs in there.
        type: str
        choices: [connection, postgresql, s3, trino]
        required: true
      port:
        description: Its port on loopback.
        type: int
        required: true
      users:
        description: Names of accounts that it has.
        type: list
        elements: str
        default: []
      tls:
        description: Whether it speaks TLS.
        type: bool
        default: false
      region:
        description: Of an object store, what it calls its region; with another one it refuses everybody.
        type: str
        default: us-east-1
      buckets:
        description: Of an object store, buckets that nobody may list without a key.
        type: list
        elements: str
        default: []
  tls:
    description: Servers on loopback that speak TLS.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: Their port.
        type: int
        required: true
      name:
        description: The name that their certificate has to be good for.
        type: str
        required: true
  authority:
    description: Certificate of an authority that is trusted beside those of the system, as PEM.
    type: str
    default: ""
  sysctl:
    description: File in C(/etc/sysctl.d) with the kernel settings that are wanted.
    type: path
  backups:
    description: Files whose age is that of a backup.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Look at the host from inside
  foss_data.platform.audit_host:
    secrets: {secret_minio_root: "{{ secret_minio_root }}"}
    logins:
      - {service: minio, kind: s3, port: 9010, users: [platform-root]}
    tls:
      - {port: 8443, name: localhost}
    authority: "{{ certificates_ca_certificate }}"
  register: _audit_inside
"""

RETURN = r"""
facts:
  description: What there is; P(foss_data.platform.audit_report#filter) knows its shape.
  returned: always
  type: dict
"""

import datetime
import glob
import os
import re
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.audit import attempts, handshake, tree

# What is said in a language that is known, however the host is set up.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
PATIENCE = 120  # seconds that a command may take
AS_POSTGRES = ["runuser", "-u", "postgres", "--", "psql", "-wAtXc"]
RIGHTS = ("super", "createrole", "createdb", "replication", "bypassrls")
COMMANDS = {
    "sockets": ["ss", "-Hlntu", "--cgroup"],
    "firewall": ["nft", "-j", "list", "ruleset"],
    "failed_units": ["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"],
    "active_units": ["systemctl", "list-units", "--state=active", "--type=service", "--plain", "--no-legend", "--no-pager"],
    "enabled_units": ["systemctl", "list-unit-files", "--state=enabled", "--type=service", "--no-legend", "--no-pager"],
    "virtualization": ["systemd-detect-virt"],
    "updates": ["apt-get", "--just-print", "-o", "Debug::NoLocking=true", "dist-upgrade"],
    "apt": ["apt-config", "dump"],
    "packages": ["dpkg-query", "--show", "--showformat=${Package} ${source:Package} ${source:Version}\n"],
    "clock": ["timedatectl", "show"],
    "record_rules": ["auditctl", "-l"],
    "postgresql_roles": [
        *AS_POSTGRES,
        f"SELECT rolname, concat_ws(', ', {', '.join(f'''CASE WHEN rol{r} THEN '{r}' END''' for r in RIGHTS)}) FROM pg_roles "
        f"WHERE {' OR '.join(f'rol{right}' for right in RIGHTS)} ORDER BY 1",
    ],
    "postgresql_rules": [
        *AS_POSTGRES,
        "SELECT line_number, type, auth_method, error, user_name FROM pg_hba_file_rules ORDER BY 1",
    ],
}
# That the host has none of these is for the checks to judge; without the others the audit is not complete.
OPTIONAL = {"firewall", "virtualization", "record_rules", "postgresql_roles", "postgresql_rules"}
UNITS = "/etc/systemd/system"
# One of these is new where apt has just asked, even if there was nothing new.
FETCHED = ("/var/lib/apt/lists", "/var/lib/apt/lists/partial", "/var/lib/apt/periodic/update-stamp")
KEYS = ("authorized_keys", "authorized_keys2")
# A name for sshd's `Match` blocks to look at: an address that is nobody's.
STRANGER = "host=stranger.invalid,addr=203.0.113.1"


class Host:
    """Asks the host, and notes what could not be asked."""

    def __init__(self) -> None:
        self.commands: dict[str, dict | None] = {}
        self.faults: list[str] = []

    def run(self, *command: str) -> dict | None:
        """What a command said; None if it is not there."""
        try:
            done = subprocess.run(
                command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
            )
        except FileNotFoundError:
            return None
        except subprocess.TimeoutExpired:
            return {"rc": -1, "out": "", "err": f"it did not end within {PATIENCE} s"}
        said = {"rc": done.returncode, "out": done.stdout.decode(errors="replace")}
        return said if done.returncode == 0 else said | {"err": done.stderr.decode(errors="replace")[-400:]}

    def ask_all(self) -> None:
        """Run what is in COMMANDS."""
        for name, command in COMMANDS.items():
            said = self.commands[name] = self.run(*command)
            if name not in OPTIONAL and (said is None or said["rc"]):
                reason = said["err"].strip().splitlines() or [f"it ended with {said['rc']}"] if said else ["it is not installed"]
                self.faults.append(f"`{' '.join(command[:3])}`: {reason[-1]}")

    def units(self) -> dict[str, dict]:
        """Score and settings of each unit whose file, or an addition to it, was written by a role."""
        found = glob.glob(f"{UNITS}/*.service") + glob.glob(f"{UNITS}/*.service.d/foss-data-platform.conf")
        files = [path for path in found if not os.path.islink(path)]
        names = {re.search(r"/([^/]+\.service)", path.removeprefix(UNITS)).group(1) for path in files}
        names = sorted(n for n in names if not n.endswith("@.service") and not n.startswith("systemd-"))
        if not names:
            return {}
        said = (self.run("systemd-analyze", "security", "--no-pager", *names) or {"out": ""})["out"]
        scores = dict(re.findall(r"Overall exposure level for (\S+): ([\d.]+)", said))
        properties = "--property=User,CapabilityBoundingSet,DropInPaths,FragmentPath,ActiveState"
        shows = {name: (self.run("systemctl", "show", properties, name) or {"out": ""})["out"] for name in names}
        return {name: {"score": float(scores[name]) if name in scores else None, "show": shows[name]} for name in names}

    def sshd(self, users: list[dict]) -> dict[str, str]:
        """What sshd would do with each of these users."""
        found = {}
        for user in users:
            said = self.run("sshd", "-T", "-C", f"user={user['name']},{STRANGER}")
            if said is None:
                return {}
            if said["rc"]:
                self.faults.append(f"`sshd -T`: {said['err'].strip()}")
            else:
                found[user["name"]] = said["out"]
        return found


def password(field: str) -> str:
    """What an entry of the shadow file means: empty, locked or set. The entry itself goes nowhere."""
    return "empty" if field == "" else "locked" if field[0] in "!*" else "set"


def accounts() -> list[dict]:
    """Every account of the host's own files."""
    passwords = dict(line.split(":")[:2] for line in _text("/etc/shadow").splitlines() if ":" in line)
    found = []
    for line in _text("/etc/passwd").splitlines():
        name, field, uid, gid, _comment, home, shell = line.split(":")
        keys = sum(len(re.findall(r"^\s*[^#\s]", _text(f"{home}/.ssh/{file}"), re.MULTILINE)) for file in KEYS)
        state = password(passwords.get(name, "*")) if field == "x" else password(field)
        known = {"name": name, "uid": int(uid), "gid": int(gid), "home": home, "shell": shell or "/bin/sh"}
        found.append(known | {"password": state, "keys": keys})
    return found


def groups(users: list[dict]) -> dict[str, list[str]]:
    """Members of each group that has some: those that it names, and those whose own it is without being called so."""
    found = {}
    for line in _text("/etc/group").splitlines():
        name, _password, gid, members = line.split(":")
        own = [user["name"] for user in users if user["gid"] == int(gid) and user["name"] != name]
        if there := [*filter(None, members.split(",")), *own]:
            found[name] = there
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def _changed_at(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def kernel_settings(text: str) -> list[list]:
    """Key, value that is wanted, and the one that there is (None if this kernel does not have it) of each line."""
    found = []
    for key, value in re.findall(r"^\s*-?([\w./*-]+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        found.append([key, value, _text(f"/proc/sys/{key.replace('.', '/')}").strip() or None])
    return found


def releases() -> dict[str, str]:
    """The version in use of everything in /opt."""
    links = glob.glob("/opt/*/current")
    return {path.split("/")[2]: os.path.basename(os.path.realpath(path)) for path in links}


def distributions() -> list[list[str]]:
    """Name and version of every Python package in the environments in /opt."""
    found = set()
    for path in glob.glob("/opt/*/*/lib/python3*/site-packages/*.dist-info"):
        name, there, version = os.path.basename(path).removesuffix(".dist-info").partition("-")
        if there:
            found.add((re.sub(r"[-_.]+", "-", name).lower(), version))
    return sorted(map(list, found))


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "logins": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "service": {"type": "str", "required": True},
                    "kind": {"type": "str", "choices": list(attempts.KINDS), "required": True},
                    "port": {"type": "int", "required": True},
                    "users": {"type": "list", "elements": "str", "default": []},
                    "tls": {"type": "bool", "default": False},
                    "region": {"type": "str", "default": "us-east-1"},
                    "buckets": {"type": "list", "elements": "str", "default": []},
                },
            },
            "tls": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"port": {"type": "int", "required": True}, "name": {"type": "str", "required": True}},
            },
            "authority": {"type": "str", "default": ""},
            "sysctl": {"type": "path"},
            "backups": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="The audit has to be root on the host to see everything: run it with `become`.")
    p, host, began = module.params, Host(), time.time()
    host.ask_all()
    users = accounts()
    secrets = tree.needles(p["secrets"])
    files = tree.look(secrets)
    files["holding"] += tree.in_processes(secrets) + tree.in_journal(secrets)
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release"), re.MULTILINE)
    facts = {
        "now": began,
        "at": datetime.datetime.fromtimestamp(began, datetime.UTC).isoformat(timespec="seconds"),
        "system": f"{release.group(1) if release else 'unknown'}, Linux {os.uname().release}",
        "commands": host.commands,
        "units": host.units(),
        "users": users,
        "groups": groups(users),
        "sudoers": {path: _text(path) for path in ["/etc/sudoers", *sorted(glob.glob("/etc/sudoers.d/*"))] if _text(path)},
        "sshd": host.sshd([u for u in users if u["name"] == "root" or not u["shell"].endswith(("/nologin", "/false", "/sync"))]),
        "files": files,
        "files_at": {
            "package_lists": max(filter(None, map(_changed_at, FETCHED)), default=None),
            "reboot_required": _changed_at("/run/reboot-required"),
            "backups": {path: _changed_at(path) for path in p["backups"]},
        },
        "sysctl": kernel_settings(_text(p["sysctl"])) if p["sysctl"] else [],
        "logins": [tried for login in p["logins"] for tried in attempts.KINDS[login["kind"]](login, p["authority"])],
        "tls": [
            {"address": "127.0.0.1", **server, **handshake.look("127.0.0.1", server["port"], server["name"], p["authority"])}
            for server in p["tls"]
        ],
        "releases": releases(),
        "distributions": distributions(),
        "faults": host.faults,
    }
    module.exit_json(changed=False, facts=facts)


if __name__ == "__main__":
    main()
