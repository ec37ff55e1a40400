# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``environment_file``: variables as the text of a file for systemd's ``EnvironmentFile=``."""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: environment_file
short_description: Variables as lines for systemd's EnvironmentFile=
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Quotes every value so that systemd hands it on as it is, whatever characters it has.
options:
  _input:
    description: Values by name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the environment of a service
  ansible.builtin.copy:
    content: "{{ {'PASSWORD': 'a \"b\" $c'} | foss_data.platform.environment_file }}"
    dest: /etc/service.env
    mode: "0600"
"""

RETURN = r"""
_value:
  description: One line for each variable.
  type: str
"""


def environment_file(variables: dict) -> str:
    """Lines ``NAME="value"`` with the four characters escaped that systemd knows inside double quotes (systemd.exec(5))."""
    lines = []
    for name, value in variables.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise AnsibleFilterError(f"environment_file: {name!r} is not a name of a variable")
        if re.search(r"[\0\r\n]", str(value)):
            raise AnsibleFilterError(f"environment_file: the value of {name} has a line break")
        lines.append(f'{name}="' + re.sub(r'(["\\`$])', r"\\\1", str(value)) + '"\n')
    return "".join(lines)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"environment_file": environment_file}
