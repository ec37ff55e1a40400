#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_rules
short_description: Manage the access rules of Trino that belong to no single schema
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Keeps Trino's file of access rules at O(rules), but for the rules that M(foss_data.platform.trino_schema) keeps in the same
    file, those of exactly one schema and one user or group. They stay as they are, and two plays at once both land.
  - All other rules that stand in the file and not in O(rules) are removed.
  - Makes the file if there is none, in a folder that exists.
  - Trino reads the file again by itself if it runs with C(security.refresh-period). Done means that it did, as far as that shows
    in what the users named in O(rules) may read. Where nothing listens it is not asked; it reads the file when it starts.
extends_documentation_fragment:
  - foss_data.platform.trino
  - ansible.builtin.files
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the file before and after, one rule on a line.
    support: full
options:
  rules_file:
    description: The coordinator's C(security.config-file), on the host where the module runs.
    type: path
    required: true
  rules:
    description:
      - The rules by section, as they stand in the file. It has to have the lists C(catalogs), C(schemas) and C(tables).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: One user may do everything, all others see what system tables say about themselves
  foss_data.platform.trino_rules:
    user: admin
    rules_file: /etc/trino/rules.json
    group: trino
    mode: "0640"
    rules:
      catalogs:
        - {user: admin, allow: owner}
        - {catalog: system, allow: read-only}
      schemas:
        - {user: admin, owner: true}
      tables:
        - {user: admin, privileges: [SELECT, INSERT, DELETE, UPDATE, OWNERSHIP, GRANT_SELECT]}
        - {catalog: system, schema: metadata|jdbc, privileges: [SELECT]}
"""

RETURN = r"""
asked:
  description: The users in whose names Trino was asked whether it took up the rules; none where nothing listened.
  returned: when not in check mode
  type: list
  elements: str
"""

import json
import os
import socket

from ansible_collections.foss_data.platform.plugins.module_utils.trino import TrinoError, TrinoModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import (
    SECTIONS,
    NotInForceError,
    edit_rules,
    is_owned,
    may_read,
    read_rules,
    rebase,
    until_in_force,
    users_named,
)

NONE = {section: [] for section in SECTIONS}
# A table that every Trino has, and that nobody reads without a rule.
WITNESS = ("system", "runtime", "tasks")


class Rules(TrinoModule):
    """The file's document."""

    def work(self) -> dict:
        """Compare, write, set owner and mode, ask Trino."""
        path, base = self.params["rules_file"], self.params["rules"]
        wrong = [s for s in SECTIONS if not isinstance(base.get(s), list) or not all(isinstance(r, dict) for r in base[s])]
        if wrong:
            self.fail(f"rules: {', '.join(wrong)} has to be a list of rules, if need be an empty one")
        owned = [json.dumps(r) for section in SECTIONS for r in base[section] if is_owned(section, r)]
        if owned:
            self.fail(f"rules: {owned[0]} is for one schema or catalog and one user or group: that is given with trino_schema")
        try:
            exists = os.path.exists(path)
            before = read_rules(path, NONE)
            after = rebase(before, base)
            differs = not exists or before != after
            if differs and not self.module.check_mode:
                # Into what the file holds by now.
                edit_rules(path, lambda document: rebase(document, base), self.params["timeout"], missing=NONE)
        except (OSError, ValueError) as error:
            self.fail(f"the access rules were not changed: {error}")
        diff = [{"before_header": path, "after_header": path, "before": shown(before) if exists else "", "after": shown(after)}]
        attributes = {"before_header": f"{path} (file attributes)", "after_header": f"{path} (file attributes)"}
        wanted = self.module.load_file_common_arguments(self.params, path)
        changed = self.module.set_fs_attributes_if_different(wanted, differs, attributes if exists else None)
        asked = {} if self.module.check_mode else {"asked": self.ask(before, after)}
        return {"changed": changed, "diff": [*diff, attributes] if "before" in attributes else diff, **asked}

    def ask(self, before: dict, after: dict) -> list[str]:
        """Wait until Trino goes by ``after``, if it runs; the users that it was asked about."""
        try:
            socket.create_connection((self.params["host"], self.params["port"]), timeout=5).close()
        except OSError:
            return []
        expected = {u: may_read(after, u, *WITNESS) for u in sorted(users_named(before) | users_named(after))}
        expected = {user: may for user, may in expected.items() if may is not None}

        def in_force() -> None:
            for user, may in expected.items():
                try:
                    self.client.rows(f"SELECT 1 FROM {'.'.join(WITNESS)} LIMIT 1", user=user)
                    does = True
                except TrinoError as error:
                    if error.name != "PERMISSION_DENIED":
                        raise
                    does = False
                if does != may:
                    raise NotInForceError(f"{user} {'may still' if does else 'may not yet'} read {'.'.join(WITNESS)}")

        try:
            until_in_force(in_force)
        except NotInForceError as error:
            self.fail(
                f"Trino did not take up the rules in {self.params['rules_file']} ({error}): is that its security.config-file, "
                "with security.refresh-period set?"
            )
        return list(expected)


def shown(document: dict) -> str:
    """The document with one rule on a line."""
    text = ""
    for section, rules in document.items():
        lines = rules if isinstance(rules, list) else [rules]
        text += f"{section}:\n" + "".join(f"  {json.dumps(line)}\n" for line in lines)
    return text


def main() -> None:
    """Entry point of the module."""
    Rules(
        {"rules_file": {"type": "path", "required": True}, "rules": {"type": "dict", "required": True}}, add_file_common_args=True
    ).run()


if __name__ == "__main__":
    main()
