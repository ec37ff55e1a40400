# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""audit_host: what it makes of a host's files and commands, and what it keeps to itself."""

import json
import os

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.audit import tree
from ansible_collections.foss_data.platform.plugins.modules import audit_host

HASH = "$y$j9T$abcdefghijklmnop$qrstuvwxyz0123456789"
FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nminio:x:998:998::/var/lib/minio:/usr/sbin/nologin\n"
    "anna:x:1000:27:Anna,,,:/home/anna:\nold:plain:1001:1001::/home/old:/bin/sh\nopen::1002:1002::/:/bin/sh\n",
    "/etc/shadow": f"root:*:19000:0:99999:7:::\nminio:!:19000::::::\nanna:{HASH}:19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\nsudo:x:27:debian\nshadow:x:42:\nminio:x:998:\n",
    "/root/.ssh/authorized_keys": "# mine\nssh-ed25519 AAAA one\n\nssh-ed25519 AAAA two\n",
    "/home/anna/.ssh/authorized_keys2": "ssh-ed25519 AAAA three\n",
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "/etc/sysctl.d/60-foss-data-platform.conf": "# why\nnet.ipv4.tcp_syncookies = 1\n-kernel.sysrq=0\nkernel.none = 1\n",
    "/proc/sys/net/ipv4/tcp_syncookies": "1\n",
    "/proc/sys/kernel/sysrq": "438\n",
}
SCORES = """
  NAME                         DESCRIPTION                     EXPOSURE
✗ PrivateNetwork=              Service has access to the network    0.5

→ Overall exposure level for minio.service: 1.1 OK :-)

→ Overall exposure level for trino.service: 8.3 EXPOSED :-(
"""


@pytest.fixture
def files(monkeypatch):
    monkeypatch.setattr(audit_host, "_text", lambda path: FILES.get(path, ""))


def test_accounts(files):
    found = {user["name"]: user for user in audit_host.accounts()}
    assert {name: user["password"] for name, user in found.items()} == {
        "root": "locked",
        "minio": "locked",
        "anna": "set",
        "old": "set",
        "open": "empty",
    }
    assert {name: user["keys"] for name, user in found.items() if user["keys"]} == {"root": 2, "anna": 1}
    # What an empty field means.
    assert found["anna"]["shell"] == "/bin/sh"
    assert HASH not in json.dumps(found)


def test_groups_have_members_by_name_and_by_number(files):
    assert audit_host.groups(audit_host.accounts()) == {"sudo": ["debian", "anna"]}


def test_settings_of_the_kernel(files):
    assert audit_host.kernel_settings(FILES["/etc/sysctl.d/60-foss-data-platform.conf"]) == [
        ["net.ipv4.tcp_syncookies", "1", "1"],
        ["kernel.sysrq", "0", "438"],
        ["kernel.none", "1", None],
    ]


def test_a_command_that_fails_is_noted_unless_that_is_for_the_checks(monkeypatch):
    monkeypatch.setattr(
        audit_host,
        "COMMANDS",
        {"sockets": ["false"], "apt": ["no-such-command"], "firewall": ["no-such-command"], "clock": ["true"]},
    )
    host = audit_host.Host()
    host.ask_all()
    assert host.faults == ["`false`: it ended with 1", "`no-such-command`: it is not installed"]
    assert host.commands["firewall"] is None
    assert host.commands["clock"] == {"rc": 0, "out": ""}


def test_units_are_those_that_roles_wrote(tmp_path, monkeypatch):
    (tmp_path / "minio.service").touch()
    (tmp_path / "trino.service").touch()
    (tmp_path / "pipeline@.service").touch()
    (tmp_path / "alias.service").symlink_to("minio.service")
    (tmp_path / "postgresql@15-main.service.d").mkdir()
    (tmp_path / "postgresql@15-main.service.d" / "foss-data-platform.conf").touch()
    (tmp_path / "ssh.service.d").mkdir()
    (tmp_path / "ssh.service.d" / "local.conf").touch()
    monkeypatch.setattr(audit_host, "UNITS", str(tmp_path))
    host = audit_host.Host()
    asked = []

    def run(*command):
        asked.append(command)
        return {"rc": 0, "out": SCORES if command[0] == "systemd-analyze" else "User=x\n"}

    monkeypatch.setattr(host, "run", run)
    found = host.units()
    assert {name: unit["score"] for name, unit in found.items()} == {
        "minio.service": 1.1,
        "postgresql@15-main.service": None,
        "trino.service": 8.3,
    }
    assert asked[0][-3:] == ("minio.service", "postgresql@15-main.service", "trino.service")


@pytest.fixture
def looked(module, files, monkeypatch, tmp_path):
    """The module on a host that is a folder, with a credential to look for."""
    monkeypatch.setattr(audit_host.os, "geteuid", lambda: 0)
    monkeypatch.setattr(audit_host, "COMMANDS", {})
    monkeypatch.setattr(audit_host, "UNITS", str(tmp_path))
    monkeypatch.setattr(tree, "ROOTS", (str(tmp_path),))
    monkeypatch.setattr(tree, "READ", (str(tmp_path),))
    monkeypatch.setattr(tree, "JOURNAL", ["true"])
    return lambda **options: module(audit_host.main, **options)


def test_no_credential_and_no_hash_is_in_what_it_says(looked, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "note").write_text("a credential of forty characters is here")
    (tmp_path / "note").chmod(0o644)
    done = looked(secrets={"secret_minio_root": "a credential of forty characters"})
    assert done["facts"]["files"]["holding"] == [{"secret": "secret_minio_root", "where": f"{tmp_path}/note"}]
    assert not done["changed"]
    assert "forty" not in json.dumps(done)
    assert HASH not in json.dumps(done)


def test_it_has_to_be_root(module, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "run it with `become`" in module(audit_host.main)["msg"]
