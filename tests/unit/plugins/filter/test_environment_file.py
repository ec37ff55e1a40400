# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""environment_file: systemd hands every value on as it was."""

import shutil
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foss_data.platform.plugins.filter.environment_file import FilterModule, environment_file

AWKWARD = {
    "PLAIN": "value",
    "EMPTY": "",
    "SPACES": "  two  words ",
    "QUOTES": "a \"b\" 'c'",
    "DOLLAR": "$HOME ${HOME} $$",
    "BACKSLASH": "a\\b\\",
    "BACKTICK": "`id`",
    "HASH": "# no comment; nor this",
    "PERCENT": "100%h",
    "UNICODE": "blåbær",
    "EQUALS": "a=b",
}


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"environment_file": environment_file}


def test_a_shell_reads_the_same_values(tmp_path):
    """Inside double quotes systemd and sh know the same escapes."""
    file = tmp_path / "env"
    file.write_text(environment_file(AWKWARD), encoding="utf-8")
    for name, value in AWKWARD.items():
        said = subprocess.run(
            [shutil.which("sh"), "-c", f'. "$1"; printf %s "${name}"', "sh", str(file)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout == value, name


def test_numbers_and_booleans_are_text():
    assert environment_file({"A": 1, "B": True, "C": 1.5}) == 'A="1"\nB="True"\nC="1.5"\n'


def test_nothing_gives_nothing():
    assert environment_file({}) == ""


@pytest.mark.parametrize("name", ["", "1A", "A B", "A-B", "A\nB", "Å"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(AnsibleFilterError, match="not a name of a variable"):
        environment_file({name: "x"})


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\0"])
def test_a_value_that_would_begin_a_new_line_is_refused_and_not_shown(value):
    with pytest.raises(AnsibleFilterError, match="the value of SECRET has a line break") as caught:
        environment_file({"SECRET": value})
    assert repr(value) not in str(caught.value)
