# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Lookup ``variable_faults``: variables that nothing would read, and values of the wrong type, before any host is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
name: variable_faults
short_description: What is wrong with the variables of a host, in sentences
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Ansible ignores a variable whose name is mistyped. This finds those that begin with a role's name but are no option of it,
    and those that are nearly the name of a known variable, and says which one was probably meant.
  - It holds values that need no templating against the roles' argument specs, all at once. The others are checked when
    their role runs.
  - Names that begin with an underscore, and those that C(group_vars) or a playbook read, are no faults.
options:
  _terms:
    description: None are needed.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Check the variables
  ansible.builtin.assert:
    that: query('foss_data.platform.variable_faults') | length == 0
    fail_msg: "{{ query('foss_data.platform.variable_faults') | join('; ') }}"
"""

RETURN = r"""
_list:
  description: One sentence for each fault; empty if there is none.
  type: list
  elements: str
"""

import difflib
import functools
import json
import re
from pathlib import Path

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.lookup import LookupBase

ROOT = Path(__file__).resolve().parents[2]
# How alike two names are (0 to 1) when one is the other mistyped: among a role's own, without its prefix, and among all.
ALIKE = 0.6
VERY_ALIKE = 0.9
# Ansible's own variables.
NOT_OURS = re.compile(r"_|ansible_|inventory_|group_names$|groups$|hostvars$|omit$|play_|playbook_dir$|role_|environment$|vars$")


@functools.cache
def options_by_role(root: Path) -> dict[str, dict]:
    """Options of each role by its name, from the argument specs."""
    found = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        found[path.parents[1].name] = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
    return found


@functools.cache
def names_read(root: Path) -> frozenset[str]:
    """Words of ``group_vars`` and the playbooks that are no keys there: whatever a template reads is among them."""
    paths = [*root.glob("group_vars/**/*.yml"), *root.glob("playbooks/**/*.yml"), *root.glob("playbooks/**/*.j2")]
    return frozenset(word for path in paths for word in re.findall(r"(?<![\w.])\w+\b(?!\s*:)", path.read_text(encoding="utf-8")))


def owner_of(name: str, roles: list[str]) -> str:
    """The role whose prefix ``name`` has, or nothing. The longest one: hive_metastore_port is none of a role hive."""
    return max((role for role in roles if name.startswith(f"{role}_")), key=len, default="")


def mistyped(names: list[str], roles: dict[str, dict], read: frozenset[str]) -> list[str]:
    """Sentences about those of ``names`` that nothing reads although they look as if something should."""
    options = {name for role in roles.values() for name in role}
    known = sorted(options | {word for word in read if "_" in word})
    faults = []
    for name in sorted(names):
        if name in options or name in read or NOT_OURS.match(name):
            continue
        owner = owner_of(name, list(roles))
        # All names first: another role's may be what was meant.
        meant = difflib.get_close_matches(name, known, 1, VERY_ALIKE)
        if owner and not meant:
            bare = {option.removeprefix(f"{owner}_"): option for option in roles[owner]}
            meant = [bare[b] for b in difflib.get_close_matches(name.removeprefix(f"{owner}_"), bare, 1, ALIKE)]
        if meant:
            faults.append(f"nothing reads {name}, {meant[0]} was probably meant: correct it, or give it a name less alike")
        elif owner:
            faults.append(f"{name} is no option of role {owner}: see roles/{owner}/README.md, or rename it if it is your own")
    return faults


def mistaken(values: dict, roles: dict[str, dict]) -> list[str]:
    """Sentences about values that their option's type does not take."""
    faults = []
    for role, options in roles.items():
        given = {name: values[name] for name in options if name in values and "{{" not in json.dumps(values[name], default=str)}
        result = ArgumentSpecValidator({name: options[name] for name in given}).validate(given, validate_role_argument_spec=True)
        where = "" if role.startswith("_") else f"role {role}: "
        faults += [f"{where}{message}" for message in result.error_messages]
        # Ansible takes the text of a list for a string.
        faults += [
            f"{where}argument '{name}' is of type {type(value).__name__} and has to be a text"
            for name, value in given.items()
            if options[name].get("type", "str") in ("str", "path") and isinstance(value, list | dict)
        ]
        faults += [
            f"{where}argument '{name}' is {value}, and an amount of memory is a number above 0"
            for name, value in given.items()
            if name.endswith("_mb") and re.fullmatch(r"0|-[0-9]+", str(value))
        ]
    return faults


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms, variables=None, **kwargs):
        """Return the faults of all variables that the host has."""
        self.set_options(var_options=variables, direct=kwargs)
        roles = options_by_role(ROOT)
        return mistyped(list(variables), roles, names_read(ROOT)) + mistaken(variables, roles)
