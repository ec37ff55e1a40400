# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""host_check: every fault at once, each with what to do, before anything is changed."""

import os
import socket
import struct
from types import SimpleNamespace

import pytest
from ansible_collections.foss_data.platform.plugins.modules import host_check

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nVERSION_ID="24.04"\n'
# As Debian 12 has it: 22 and 8080 listen, 3000 is the far end of a connection; 9010 and 9999 listen.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2200 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 8080 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0BB8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   990        0 3000 1 0000000000000000 20 4 0 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000000000000000000001000000:2332 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 9010
   1: 00000000000000000000000000000000:270F 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 9999
"""
PROCESSES = {"2200": [90], "8080": [700], "9010": [800, 801]}
FILES = {
    "/etc/os-release": DEBIAN,
    "/proc/meminfo": "MemTotal:        8130000 kB\nMemFree: 1 kB\n",
    "/proc/1/cgroup": "0::/init.scope\n",
    "/proc/net/tcp": TCP,
    "/proc/net/tcp6": TCP6,
    "/proc/700/cgroup": "0::/system.slice/trino.service\n",
    "/proc/800/cgroup": "0::/system.slice/nginx.service\n",
}
FIT = {"distribution": "debian", "version": "12", "memory_mb": 3600}


@pytest.fixture
def host(monkeypatch):
    """The host's files; ``free`` MiB by path."""
    files = dict(FILES)
    monkeypatch.setattr(host_check, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(host_check, "holders_of", lambda inodes: [pid for i in sorted(inodes) for pid in PROCESSES.get(i, [])])
    return files


@pytest.fixture
def check(module, host):
    return lambda **options: module(host_check.main, **FIT | options)


def test_a_fit_host_gives_its_memory(check):
    done = check()
    assert not done["changed"]
    facts = done["ansible_facts"]
    assert (facts["platform_memory_mb"], facts["platform_installed"]) == (8130000 // 1024, True)
    assert not [a for a in facts["platform_addresses"] if a.startswith("127.") or a == "::1"]


def test_another_distribution(check, host):
    host["/etc/os-release"] = UBUNTU
    message = check()["msg"]
    assert "this host runs Ubuntu 24.04 LTS, the platform is made for Debian 12: install that" in message
    assert "nothing was changed" in message


def test_another_release(check, host):
    host["/etc/os-release"] = DEBIAN.replace('"12"', '"11"')
    assert "is made for Debian 12" in check()["msg"]


def test_too_little_memory(check):
    assert "this host has 7939 MiB of memory and its services need 9000: give it more memory." in check(memory_mb=9000)["msg"]


@pytest.mark.parametrize(
    ("cgroup", "path"),
    [
        ("0::/init.scope\n", "/sys/fs/cgroup/memory.max"),
        ("0::/docker/abc\n", "/sys/fs/cgroup/docker/memory.max"),
        ("12:cpu:/x\n5:memory:/docker/abc\n", "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_container_counts(check, host, cgroup, path):
    host["/proc/1/cgroup"] = cgroup
    host[path] = str(4096 * 1024**2) + "\n"
    assert check()["ansible_facts"]["platform_memory_mb"] == 4096
    host[path] = "max\n"
    assert check()["ansible_facts"]["platform_memory_mb"] == 7939


def test_disk_nearly_full(check, tmp_path, monkeypatch):
    monkeypatch.setattr(host_check, "free_disk", lambda path: 1000)
    disk = {"path": "/opt", "free_mb": 5000, "free_after_mb": 500, "installed": str(tmp_path / "installed")}
    assert "/opt has 1000 MiB free and needs 5000: free space or enlarge the disk" in check(disk=[disk])["msg"]
    # What the platform itself takes is no fault.
    (tmp_path / "installed").touch()
    assert check(disk=[disk])["ansible_facts"]["platform_installed"]
    monkeypatch.setattr(host_check, "free_disk", lambda path: 499)
    assert "/opt has 499 MiB free and needs 500" in check(disk=[disk])["msg"]


def test_a_blank_host_is_told_apart(check, tmp_path):
    disk = {"path": "/", "free_mb": 0, "free_after_mb": 0, "installed": str(tmp_path / "installed")}
    assert check(disk=[disk])["ansible_facts"]["platform_installed"] is False


def test_free_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert host_check.free_disk(str(tmp_path / "a" / "b")) == host_check.free_disk(str(tmp_path))


def test_a_taken_port_names_who_has_it(check):
    message = check(ports=[{"port": 9010, "unit": "minio"}])["msg"]
    assert "port 9010 is wanted for minio but nginx.service (process 800) has it: stop that, or choose another port" in message


def test_a_taken_port_of_no_unit_names_the_process(check, host):
    host["/proc/800/cgroup"] = "0::/user.slice/session-1.scope\n"
    host["/proc/800/comm"] = "nginx\n"
    assert "is wanted for minio but nginx (process 800) has it" in check(ports=[{"port": 9010, "unit": "minio"}])["msg"]


def test_a_stranger_beside_the_service_is_named(check, host, monkeypatch):
    """Of two that listen on one port, on different addresses, one may be the service itself."""
    host["/proc/net/tcp6"] = TCP6.replace(":2332", ":1F90")
    message = check(ports=[{"port": 8080, "unit": "trino"}])["msg"]
    assert "port 8080 is wanted for trino but nginx.service (process 800) has it" in message


def test_a_real_socket_is_found_without_any_program(module, monkeypatch):
    """What a minimal host lacks is `ss`."""
    monkeypatch.setenv("PATH", "/nowhere")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = [{"port": server.getsockname()[1], "unit": "nobody"}]
        said = module(host_check.main, **FIT | {"ports": ports, "memory_mb": 1})["msg"]
    assert f"port {ports[0]['port']} is wanted for nobody but " in said
    assert f"(process {os.getpid()}) has it" in said


def test_a_port_without_a_known_process_is_taken_too(check):
    assert "port 9999 is wanted for tool but an unknown process" in check(ports=[{"port": 9999, "unit": "tool"}])["msg"]


@pytest.mark.parametrize(("port", "unit"), [(8080, "trino"), (3000, "dagster-webserver"), (80, "x"), (808, "x")])
def test_ports_that_are_free_or_already_the_services(check, port, unit):
    assert not check(ports=[{"port": port, "unit": unit}]).get("failed")


def test_everything_that_is_wrong_is_said_at_once(check, host):
    host["/etc/os-release"] = UBUNTU
    message = check(memory_mb=9000, ports=[{"port": 9010, "unit": "minio"}])["msg"]
    assert [f"({n})" in message for n in (1, 2, 3, 4)] == [True, True, True, False]


def test_the_memory_of_this_machine_can_be_read():
    assert host_check.host_memory() > 100


def test_ports_that_can_not_be(check):
    said = check(ports=[{"port": 0, "unit": "minio"}, {"port": 65536, "unit": "trino"}])["msg"]
    assert "port 0, given to minio, does not exist: choose one from 1 to 65535" in said
    assert "port 65536, given to trino, does not exist" in said


def test_one_port_for_two(check):
    said = check(ports=[{"port": 8443, "unit": "minio"}, {"port": 8444, "unit": "x"}, {"port": 8443, "unit": "trino"}])["msg"]
    assert "port 8443 is given to minio and trino: choose another one for one of them" in said
    assert "8444" not in said


@pytest.mark.parametrize(
    ("bounding", "container", "read_only", "own"),
    [
        ("000001ffffffffff", "", 0, {"clock": True, "settings": True}),
        ("000001ffffffffff", "lxc", 0, {"clock": False, "settings": False}),
        ("000001fffdffffff", "", 0, {"clock": False, "settings": True}),
        ("000001ffffffffff", "", os.ST_RDONLY, {"clock": True, "settings": False}),
    ],
)
def test_what_of_the_kernel_is_its_own(check, host, monkeypatch, bounding, container, read_only, own):
    host["/proc/1/status"] = f"Name:\tsystemd\nCapEff:\t0000000000000000\nCapBnd:\t{bounding}\n"
    host["/run/systemd/container"] = container
    found = SimpleNamespace(f_flag=read_only, f_bavail=1, f_frsize=1)
    monkeypatch.setattr(host_check.os, "statvfs", lambda path: found)
    assert {name: check()["ansible_facts"]["platform_kernel"][name] for name in own} == own


@pytest.mark.parametrize(("answer", "audit"), [((1000, b""), True), ((2, struct.pack("=i", -1)), False), (None, False)])
def test_the_kernels_audit_is_asked(monkeypatch, answer, audit):
    """As a kernel that has it answers root, as one answers a container, and as one that has none."""

    class Netlink:
        def __init__(self, *_kind):
            if answer is None:
                raise OSError("Protocol not supported")

        def __enter__(self):
            return self

        def __exit__(self, *_how):
            pass

        def settimeout(self, _seconds):
            pass

        def send(self, asked):
            assert struct.unpack("=IHHII", asked)[:3] == (16, 1000, 1)

        def recv(self, _size):
            return struct.pack("=IHHII", 16 + len(answer[1]), answer[0], 0, 1, 0) + answer[1]

    monkeypatch.setattr(host_check.socket, "socket", Netlink)
    assert host_check.answers_audit() is audit


def test_whoever_would_be_locked_out_is_told_with_the_rest(check, monkeypatch):
    access = SimpleNamespace(faults=["ann has no key"], ports=[22], operators=["ann"])
    monkeypatch.setattr(host_check.ssh_access, "Access", lambda read, run: access)
    assert "(1) this host has 7939 MiB" in (said := check(ssh=True, memory_mb=9000)["msg"])
    assert "(2) ann has no key" in said
    access.faults = []
    facts = check(ssh=True)["ansible_facts"]
    assert (facts["platform_ssh_ports"], facts["platform_operators"]) == ([22], ["ann"])


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("0100007F", {False}),
        ("0200007F", {False}),
        ("00000000", {False, True}),
        ("050071CB", {True}),
        ("00000000000000000000000001000000", {False}),
        ("00000000000000000000000000000000", {False, True}),
        ("B80D0120000000000000000005000000", {True}),
        # IPv4 by an IPv6 socket, as Java has it.
        ("0000000000000000FFFF00000100007F", {False}),
        ("0000000000000000FFFF0000050071CB", {True}),
    ],
)
def test_who_listens_where(address, where):
    """On loopback and on the host's own addresses a port may have two holders."""
    table = f"  sl\n   0: {address}:0BB8 00000000:0000 0A 0:0 00:0 0 0 0 77\n"
    assert host_check.listening_sockets(table) == {(3000, public): {"77"} for public in where}


def test_a_port_is_wanted_on_loopback_and_outside(check, host):
    host["/proc/net/tcp"] = TCP + TCP.splitlines()[2].replace("0100007F:1F90", "050071CB:1F90").replace(" 8080 ", " 9010 ") + "\n"
    host["/proc/801/cgroup"] = FILES["/proc/800/cgroup"]
    both = [{"port": 8080, "unit": "trino"}, {"port": 8080, "unit": "nginx", "public": True}]
    assert "msg" not in check(ports=both)
    assert "wanted for gateway but nginx.service" in check(ports=[both[0], both[1] | {"unit": "gateway"}])["msg"]
