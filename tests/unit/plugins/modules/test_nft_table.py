# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""nft_table: what the kernel has is what the file says, whoever changed either."""

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.modules import nft_table

GIVEN = {"name": "inet ours", "file": "/etc/ours.nft", "unit": "ours.service"}
WRITTEN = [{"changed": True}]
WANTED = "table inet ours {\n\tchain input {\n\t}\n}\n"


class Kernel:
    """Answers as nft and systemctl do. ``file`` is the table that the file makes; nothing if it can't be loaded."""

    def __init__(self):
        self.table, self.file = WANTED, WANTED
        self.enabled = self.active = True
        self.asked = []

    def run(self, command, **_options):
        if command == "nft --stateless list table inet ours":
            return int(not self.table), self.table, ""
        if command[0] == "unshare":
            assert command[-1] == "/etc/ours.nft"
            return (0, self.file, "") if self.file else (1, "", "/etc/ours.nft:3:1-9: Error: syntax error\n")
        assert command[0] == "systemctl"
        if command[1] in ("is-active", "is-enabled"):
            return int(not (self.active if command[1] == "is-active" else self.enabled)), "", ""
        self.asked.append(command[1])
        if command[1] == "reload-or-restart":
            self.table = self.file
        return 0, "", ""


@pytest.fixture
def kernel(monkeypatch):
    double = Kernel()
    monkeypatch.setattr(AnsibleModule, "run_command", lambda self, command, **options: double.run(command, **options))
    return double


@pytest.fixture
def apply(module, kernel):
    return lambda check=False, **options: module(nft_table.main, check=check, **GIVEN, **options)


def test_nothing_to_do(apply, kernel):
    assert (apply()["changed"], kernel.asked) == (False, [])


@pytest.mark.parametrize(
    ("table", "reason"),
    [("", "the kernel does not have it"), (WANTED.replace("input", "inputs"), "the kernel has another one")],
)
def test_what_somebody_took_away_comes_back(apply, kernel, table, reason):
    kernel.table = table
    said = apply(check=True)
    assert (said["changed"], said["reason"], said["diff"]) == (True, reason, {"before": table, "after": WANTED})
    assert kernel.asked == []
    assert apply()["reason"] == reason
    assert kernel.asked == ["daemon-reload", "enable", "reload-or-restart"]
    assert (kernel.table, apply()["changed"]) == (WANTED, False)


@pytest.mark.parametrize("state", ["active", "enabled"])
def test_it_has_to_be_there_after_a_reboot(apply, kernel, state):
    setattr(kernel, state, False)
    assert apply()["reason"] == "ours.service would not load it at a boot"
    assert kernel.asked == ["daemon-reload", "enable", "reload-or-restart"]


def test_a_new_file_is_loaded(apply, kernel):
    assert apply(inputs=WRITTEN)["reason"] == "its file changed"
    assert kernel.asked[-1] == "reload-or-restart"


def test_check_mode_asks_nothing_of_a_blank_host(apply, kernel):
    kernel.file = kernel.table = ""
    assert apply(check=True, inputs=WRITTEN)["changed"]


def test_a_file_that_can_not_be_loaded_leaves_what_is_in_force(apply, kernel):
    kernel.file = ""
    failed = apply(inputs=WRITTEN)["msg"]
    assert failed == "/etc/ours.nft can't be loaded, what is in force stays: /etc/ours.nft:3:1-9: Error: syntax error"
    assert kernel.asked == []


def test_a_unit_that_loads_something_else_is_told(apply, kernel, monkeypatch):
    kernel.table = ""
    asked = kernel.run
    monkeypatch.setattr(
        kernel, "run", lambda command, **o: (0, "", "") if "reload-or-restart" in command else asked(command, **o)
    )
    assert "ours.service did not load /etc/ours.nft: the kernel has another table" in apply()["msg"]
