# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""host_check: every fault at once, each with what to do, before anything is changed."""

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.modules import host_check

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nVERSION_ID="24.04"\n'
# As `ss -Hltnp` and /proc/PID/cgroup of Debian 12 have it.
LISTENING = """\
LISTEN 0 128  0.0.0.0:22     0.0.0.0:*    users:(("sshd",pid=90,fd=3))
LISTEN 0 4096 127.0.0.1:8080 0.0.0.0:*    users:(("java",pid=700,fd=210))
LISTEN 0 511  [::1]:9010     [::]:*       users:(("nginx",pid=800,fd=6),("nginx",pid=801,fd=6))
LISTEN 0 4096 *:9999         *:*
"""
FILES = {
    "/etc/os-release": DEBIAN,
    "/proc/meminfo": "MemTotal:        8130000 kB\nMemFree: 1 kB\n",
    "/proc/1/cgroup": "0::/init.scope\n",
    "/proc/700/cgroup": "0::/system.slice/trino.service\n",
    "/proc/800/cgroup": "0::/system.slice/nginx.service\n",
}
FIT = {"distribution": "debian", "version": "12", "memory_mb": 3600}


@pytest.fixture
def host(monkeypatch):
    """The host's files; ``free`` MiB by path."""
    files = dict(FILES)
    monkeypatch.setattr(host_check, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_, **__: (0, LISTENING, ""))
    return files


@pytest.fixture
def check(module, host):
    return lambda **options: module(host_check.main, **FIT | options)


def test_a_fit_host_gives_its_memory(check):
    done = check()
    assert not done["changed"]
    assert done["ansible_facts"] == {"platform_memory_mb": 8130000 // 1024, "platform_installed": True}


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
