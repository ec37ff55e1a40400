#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Is this host fit to carry the services asked of it?
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Checks distribution, memory, free disk and ports in one round trip, before anything is changed,
    and reports everything that is wrong at once, each with what to do.
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
options:
  distribution:
    description: The C(ID) wanted in C(/etc/os-release).
    type: str
    required: true
  version:
    description: The C(VERSION_ID) wanted in C(/etc/os-release).
    type: str
    required: true
  memory_mb:
    description: Least memory in MiB. A control group's limit (a container) counts as the host's memory.
    type: int
    required: true
  disk:
    description: Free space wanted, by path.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: A directory, or one that will be made; the file system that it lies on counts.
        type: path
        required: true
      free_mb:
        description: Least free space in MiB.
        type: int
        required: true
      free_after_mb:
        description: Least free space in MiB once O(disk[].installed) exists, since the platform's own use is no fault.
        type: int
        required: true
      installed:
        description: A path that is there once the platform is installed.
        type: path
        required: true
  ports:
    description: TCP ports that have to be free, or in the hands of the unit named.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The TCP port.
        type: int
        required: true
      unit:
        description: Beginning of the name of the systemd unit that may hold it.
        type: str
        required: true
      public:
        description: Whether it is wanted on the host's own addresses; if not, on loopback.
        type: bool
        default: false
  ssh:
    description:
      - Whether sshd will be told to take keys only, and a firewall to close every port that is not asked for. Whoever is
        connected has to have a key then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check the host before anything is changed
  foss_data.platform.host_check:
    distribution: debian
    version: "12"
    memory_mb: 3600
    disk:
      - {path: /opt, free_mb: 6000, free_after_mb: 600, installed: /opt/dagster/current}
    ports:
      - {port: 8080, unit: trino}
    ssh: true
"""

RETURN = r"""
ansible_facts:
  description: What the sizing plan starts from.
  returned: always
  type: dict
  contains:
    platform_memory_mb:
      description: Memory in MiB, the control group's limit considered.
      type: int
    platform_installed:
      description: Whether every O(disk[].installed) is there. Check mode can't ask services of a host that is still blank.
      type: bool
    platform_ssh_ports:
      description: Ports that sshd listens on, and the one that the connection came to; empty without O(ssh).
      type: list
      elements: int
    platform_operators:
      description: Members of the group sudo, and who is connected; empty without O(ssh).
      type: list
      elements: str
    platform_kernel:
      description:
        - Which parts of the kernel are this host's own. A container's are its machine's, which sees to them.
      type: dict
      contains:
        audit:
          description: Whether it can be told what to write down.
          type: bool
        clock:
          description: Whether the clock can be set.
          type: bool
        settings:
          description: Whether those below C(/proc/sys) can be set, without setting them for others.
          type: bool
    platform_timekeeper:
      description: The service that keeps the time, if one is installed.
      type: str
    platform_addresses:
      description: Addresses that the host reaches others from, and is reached by. Behind a router's address translation, its own.
      type: list
      elements: str
"""

import contextlib
import os
import re
import socket
import struct

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils import ssh_access

KIB = 1024
LAST_PORT = 65535
LISTEN = "0A"  # the state, as /proc/net/tcp has it
# Of linux/netlink.h, linux/audit.h and linux/capability.h.
NETLINK_AUDIT, AUDIT_GET, NLM_F_REQUEST, CAP_SYS_TIME = 9, 1000, 1, 25
TIMEKEEPERS = ("chrony", "ntpsec", "ntp", "openntpd", "systemd-timesyncd")
# Addresses, too: 127.0.0.1, ::1, and how an IPv4 address begins as an IPv6 one.
LOOPBACK_4 = "0100007F"
LOOPBACK_6 = "00000000000000000000000001000000"
MAPPED = "0000000000000000FFFF0000"


def os_release(text: str) -> dict:
    """Keys and values of ``/etc/os-release``."""
    return {k: v.strip("\"'") for k, v in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}


def total_memory(meminfo: str) -> int:
    """MemTotal in MiB from the text of ``/proc/meminfo``."""
    return int(re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE).group(1)) // KIB


def memory_limit_files(cgroup: str, root: str = "/sys/fs/cgroup") -> list[str]:
    """Files that may hold a memory limit for the process whose ``/proc/PID/cgroup`` is given: its groups and all above."""
    files = []
    for line in cgroup.splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "memory":
            base, name = os.path.join(root, "memory"), "memory.limit_in_bytes"
        elif controllers == "":
            base, name = root, "memory.max"
        else:
            continue
        parts = [p for p in path.split("/") if p]
        files += [os.path.join(base, *parts[:depth], name) for depth in range(len(parts), -1, -1)]
    return files


def listening_sockets(table: str) -> dict[tuple[int, bool], set[str]]:
    """Inodes of the listening sockets from the text of ``/proc/net/tcp`` or ``/proc/net/tcp6``.

    They are by port, and by whether the host's own addresses are meant, or loopback. Who listens on all addresses has both.
    """
    found: dict[tuple[int, bool], set[str]] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] != LISTEN:
            continue
        address, port = fields[1].rsplit(":", 1)
        address = address.removeprefix(MAPPED)
        both = not address.strip("0")
        # Bytes of each four are in the machine's order, so 127 of an IPv4 address comes last.
        loopback = address == LOOPBACK_6 or (len(address) == len(LOOPBACK_4) and address.endswith(LOOPBACK_4[-2:]))
        for public in {True, False} if both else {not loopback}:
            found.setdefault((int(port, 16), public), set()).add(fields[9])
    return found


def own_addresses() -> list[str]:
    """The address that the host would reach others from, by IPv4 and by IPv6; no packet is sent."""
    found = []
    # Addresses that are for documentation and nobody's.
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            found.append(probe.getsockname()[0])
    return found


def holders_of(inodes: set[str], proc: str = "/proc") -> list[int]:
    """Ids of the processes that have one of these sockets open. Nobody but root sees those of others."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        # A process, or one of its files, may be gone by now.
        with contextlib.suppress(OSError):
            folder = os.path.join(proc, str(pid), "fd")
            if any(_target(os.path.join(folder, name)) in wanted for name in os.listdir(folder)):
                found.append(pid)
    return found


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def unit_of(cgroup: str) -> str:
    """The systemd unit in the text of ``/proc/PID/cgroup``; empty if there is none."""
    units = re.findall(r"/([^/\n]+\.service)", cgroup)
    return units[-1] if units else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def host_memory() -> int:
    """Memory in MiB that this host may use: that of the machine, or of the container whose limit is lower."""
    limits = [
        int(text) // KIB**2 for text in map(str.strip, map(_read, memory_limit_files(_read("/proc/1/cgroup")))) if text.isdigit()
    ]
    return min([total_memory(_read("/proc/meminfo")), *limits])


def free_disk(path: str) -> int:
    """Free MiB on the file system of ``path`` or of its nearest parent that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize // KIB**2


def answers_audit() -> bool:
    """Whether the kernel's audit says how it is to who is here. It does not in a container, or where it is not built in."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as audit:
            audit.settimeout(5)
            audit.send(struct.pack("=IHHII", 16, AUDIT_GET, NLM_F_REQUEST, 1, 0))
            return struct.unpack_from("=IH", audit.recv(1024))[1] == AUDIT_GET
    except OSError:
        return False


def own_kernel(status: str, container: str) -> dict[str, bool]:
    """Which parts of the kernel are this host's own, by its ``/proc/1/status`` and the kind of container that it is, if any."""
    capabilities = re.search(r"^CapBnd:\s+(\w+)", status, re.MULTILINE)
    return {
        "audit": answers_audit(),
        "clock": not container and bool(capabilities and int(capabilities.group(1), 16) >> CAP_SYS_TIME & 1),
        "settings": not container and not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY,
    }


def port_faults(ports: list[dict]) -> list[str]:
    """Sentences about ports that there are not, and those that two units want."""
    faults = [
        f"port {wanted['port']}, given to {wanted['unit']}, does not exist: choose one from 1 to {LAST_PORT} in group_vars"
        for wanted in ports
        if not 1 <= wanted["port"] <= LAST_PORT
    ]
    units: dict[tuple[int, bool], list[str]] = {}
    for wanted in ports:
        units.setdefault((wanted["port"], wanted["public"]), []).append(wanted["unit"])
    return faults + [
        f"port {port} is given to {' and '.join(those)}: choose another one for one of them in group_vars"
        for (port, _public), those in units.items()
        if len(those) > 1
    ]


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "distribution": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "memory_mb": {"type": "int", "required": True},
            "disk": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "free_mb": {"type": "int", "required": True},
                    "free_after_mb": {"type": "int", "required": True},
                    "installed": {"type": "path", "required": True},
                },
            },
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "port": {"type": "int", "required": True},
                    "unit": {"type": "str", "required": True},
                    "public": {"type": "bool", "default": False},
                },
            },
            "ssh": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    p = module.params
    faults = []
    release = os_release(_read("/etc/os-release"))
    if (release.get("ID"), release.get("VERSION_ID")) != (p["distribution"], p["version"]):
        faults.append(
            f"this host runs {release.get('PRETTY_NAME', 'an unknown system')}, the platform is made for "
            f"{p['distribution'].capitalize()} {p['version']}: install that, or take the host out of the inventory"
        )
    memory = host_memory()
    if memory < p["memory_mb"]:
        faults.append(f"this host has {memory} MiB of memory and its services need {p['memory_mb']}: give it more memory")
    for wanted in p["disk"]:
        free = free_disk(wanted["path"])
        least = wanted["free_after_mb"] if os.path.exists(wanted["installed"]) else wanted["free_mb"]
        if free < least:
            faults.append(f"{wanted['path']} has {free} MiB free and needs {least}: free space or enlarge the disk")
    faults += port_faults(p["ports"])
    # Not by `ss`: a minimal host does not have it.
    tables = [listening_sockets(_read(f"/proc/net/{name}")) for name in ("tcp", "tcp6")] if p["ports"] else []
    for wanted in p["ports"]:
        inodes = set().union(*(table.get((wanted["port"], wanted["public"]), ()) for table in tables))
        if not inodes:
            continue
        holders = {pid: unit_of(_read(f"/proc/{pid}/cgroup")) for pid in holders_of(inodes)} or {0: ""}
        strangers = [pid for pid, unit in holders.items() if not unit.startswith(wanted["unit"])]
        if strangers:
            pid = strangers[0]
            holder = holders[pid] or _read(f"/proc/{pid}/comm").strip() or "an unknown process"
            faults.append(
                f"port {wanted['port']} is wanted for {wanted['unit']} but {holder} (process {pid}) has it: "
                "stop that, or choose another port in group_vars"
            )
    access = ssh_access.Access(_read, module.run_command) if p["ssh"] else None
    faults += access.faults if access else []
    if faults:
        module.fail_json(
            msg="This host is not ready; nothing was changed. " + "; ".join(f"({i}) {f}" for i, f in enumerate(faults, 1)) + "."
        )
    installed = all(os.path.exists(wanted["installed"]) for wanted in p["disk"])
    facts = {
        "platform_memory_mb": memory,
        "platform_installed": installed,
        "platform_addresses": own_addresses(),
        "platform_ssh_ports": access.ports if access else [],
        "platform_operators": access.operators if access else [],
        "platform_kernel": own_kernel(_read("/proc/1/status"), _read("/run/systemd/container").strip()),
        "platform_timekeeper": next((name for name in TIMEKEEPERS if os.path.exists(f"/lib/systemd/system/{name}.service")), ""),
    }
    module.exit_json(changed=False, ansible_facts=facts)


if __name__ == "__main__":
    main()
