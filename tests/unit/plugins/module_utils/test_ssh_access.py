# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""ssh_access: who is connected, and whether they get in again with a key."""

import pwd

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import ssh_access

PID = 900
CAME = "SSH_CONNECTION=192.0.2.7 50422 198.51.100.1 2222"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6cVv3h7b3v2Q6b9vQ6l7e8h0w3 ann@laptop\n"
SETTINGS = "port 22\npermitrootlogin yes\nauthorizedkeysfile .ssh/authorized_keys /etc/ssh/keys/%u\n"
JOURNAL = "Accepted publickey for ann from 192.0.2.7 port 50422 ssh2: ED25519 SHA256:x\n"


class Host:
    """Files of a host on which Ansible came by ssh as ann, and became root by sudo."""

    def __init__(self):
        self.files = {
            f"/proc/{PID}/environ": "SUDO_USER=ann\0USER=root\0",
            f"/proc/{PID}/status": "Name:\tpython3\nPPid:\t899\n",
            "/proc/899/environ": "USER=root\0LOGNAME=root\0",
            "/proc/899/status": "Name:\tsudo\nPPid:\t898\n",
            "/proc/898/environ": f"USER=ann\0LOGNAME=ann\0{CAME}\0",
            "/proc/898/status": "Name:\tsh\nPPid:\t800\n",
            "/proc/800/environ": "LANG=C\0",
            "/proc/800/status": "Name:\tsshd\nPPid:\t1\n",
            ssh_access.CONFIGURATION: f"# Debian's\n\nInclude {ssh_access.DROP_INS}\nUsePAM yes\n",
            "/home/ann/.ssh/authorized_keys": "# laptop\n" + KEY,
        }
        self.settings, self.journal = (0, SETTINGS, ""), (1, "", "")
        self.ran = []

    def read(self, path):
        return self.files.get(path, "")

    def run(self, command):
        self.ran.append(command)
        return self.settings if command[0] == ssh_access.SSHD else self.journal

    def access(self):
        return ssh_access.Access(self.read, self.run)


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setattr(ssh_access, "SSHD", str(tmp_path / "sshd"))
    (tmp_path / "sshd").touch()
    monkeypatch.setattr(ssh_access.os, "getpid", lambda: PID)
    monkeypatch.setattr(ssh_access, "members_of", lambda group: ["carl"] if group == "sudo" else [])
    user = pwd.struct_passwd(("ann", "x", 1000, 1000, "", "/home/ann", "/bin/bash"))
    monkeypatch.setattr(ssh_access.pwd, "getpwnam", {"ann": user}.__getitem__)
    return Host()


def test_who_is_connected_has_a_key(host):
    access = host.access()
    assert access.faults == []
    # The port that sshd listens on, and the one that the connection came to: they differ behind a socket of systemd's.
    assert access.ports == [22, 2222]
    assert access.operators == ["ann", "carl"]
    assert host.ran == [[ssh_access.SSHD, "-T", "-C", "user=ann,host=192.0.2.7,addr=192.0.2.7"]]


@pytest.mark.parametrize("content", ["", "# " + KEY, "ssh-ed25519\n", "AAAAC3NzaC1lZDI1NTE5 ann\n"])
def test_without_a_key_they_would_be_locked_out(host, content):
    host.files["/home/ann/.ssh/authorized_keys"] = content
    [fault] = host.access().faults
    assert fault.startswith("sshd would take no passwords any more, and ann, who is connected, has no key in ")
    assert "/home/ann/.ssh/authorized_keys or /etc/ssh/keys/ann: put one there (`ssh-copy-id`)" in fault


@pytest.mark.parametrize("options", ["", 'from="192.0.2.0/24",no-pty ', 'command="echo a # b" '])
def test_a_key_in_another_file_counts(host, options):
    host.files["/etc/ssh/keys/ann"] = options + host.files.pop("/home/ann/.ssh/authorized_keys").splitlines()[1]
    assert host.access().faults == []


def test_so_does_a_connection_that_came_by_one(host):
    """Where keys are in no file: a certificate, or a directory of the company's."""
    del host.files["/home/ann/.ssh/authorized_keys"]
    host.journal = (0, JOURNAL, "")
    assert host.access().faults == []
    [asked] = [word for word in host.ran[-1] if word.startswith("--grep=")]
    assert asked == r"--grep=^Accepted\ publickey\ for\ ann\ from\ 192\.0\.2\.7\ port\ 50422\ "


@pytest.mark.parametrize("first", ["PasswordAuthentication yes\n", "", "Match all\n"])
def test_drop_ins_have_to_come_first(host, first):
    include = host.files[ssh_access.CONFIGURATION] if first else ""
    host.files[ssh_access.CONFIGURATION] = first + include
    [fault] = host.access().faults
    assert "does not begin with `Include /etc/ssh/sshd_config.d/*.conf`" in fault


def test_a_configuration_that_sshd_refuses_is_not_added_to(host):
    host.settings = (255, "", "/etc/ssh/sshd_config: line 9: Bad configuration option: Portt\n")
    access = host.access()
    assert "Bad configuration option: Portt): mend /etc/ssh/sshd_config" in access.faults[0]
    assert access.ports == [2222]


def test_of_a_play_that_runs_in_a_session_it_is_the_session(host):
    """Whose outermost process says where it came from, whatever one inside was told."""
    host.files[f"/proc/{PID}/environ"] = "LOGNAME=root\0SSH_CONNECTION=203.0.113.1 1 203.0.113.2 23\0"
    assert host.access().ports == [22, 2222]


def test_without_ssh_nobody_is_locked_out(host):
    host.files["/proc/898/environ"] = "USER=ann\0"
    access = host.access()
    assert (access.faults, access.ports, access.operators) == ([], [22], ["carl"])
    assert host.ran == [[ssh_access.SSHD, "-T"]]
