#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_schema
short_description: Manage a schema in Trino, its owner and who else may use it
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates or removes a schema, and keeps the rules of Trino's file-based access control that give it to its owner.
  - Neither the Iceberg JDBC catalog nor Delta Lake knows GRANT, so owner and grants are rules in O(rules_file).
    Rules of other schemas are never touched, and two plays at once both land.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows schema and rules before and after.
    support: full
options:
  catalog:
    description: Catalog that the schema is in.
    type: str
    required: true
  name:
    description: Name of the schema.
    type: str
    required: true
  location:
    description: Where its tables lie, for catalogs that know locations. It can't be changed later.
    type: str
  owner:
    description: The Trino user that may do everything in it. Needs O(rules_file).
    type: str
  grants:
    description: Other users that may use its tables. Needs O(owner).
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description: Name of the user.
        type: str
        required: true
      privileges:
        description: What it may do.
        type: list
        elements: str
        choices: [SELECT, INSERT, DELETE, UPDATE, GRANT_SELECT]
        default: [SELECT]
  rules_file:
    description: The coordinator's C(security.config-file), on the host where the module runs.
    type: path
  cascade:
    description: Whether O(state=absent) removes the tables too. Without it a schema that holds tables stays.
    type: bool
    default: false
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: A schema that belongs to one team and that another may read
  foss_data.platform.trino_schema:
    user: admin
    catalog: iceberg
    name: sales_marts
    location: s3://lakehouse/sales/marts/
    owner: sales
    grants:
      - user: finance
    rules_file: /etc/trino/rules.json
"""

RETURN = r"""
statements:
  description: What was run, or would be.
  returned: always
  type: list
  elements: str
"""

import json
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.trino import (
    CONNECTION,
    Trino,
    identifier,
    literal,
    merge_rules,
    rules_file,
    schema_rules,
)


class NotInForceError(Exception):
    """Trino has not read the rules yet."""


def location_of(create_statement: str) -> str | None:
    """The location in the answer of SHOW CREATE SCHEMA."""
    match = re.search(r"\blocation = '((?:[^']|'')*)'", create_statement)
    return match.group(1).replace("''", "'") if match else None


def rules_of(document: dict, catalog: str, schema: str) -> dict:
    """Those rules of the document that name the schema."""
    return {
        section: [
            r
            for r in document.get(section, [])
            if r.get("catalog") == re.escape(catalog) and r.get("schema") == re.escape(schema)
        ]
        for section in ("schemas", "tables")
    }


class Schema:
    """A schema and its rules."""

    def __init__(self, module: AnsibleModule):
        self.module, self.p, self.trino = module, module.params, Trino(module)
        self.full_name = f"{identifier(self.p['catalog'])}.{identifier(self.p['name'])}"

    def read(self) -> dict | None:
        """Its location; None if there is no such schema."""
        rows = self.trino.rows(f"SHOW SCHEMAS FROM {identifier(self.p['catalog'])} LIKE {literal(self._pattern())} ESCAPE '\\'")
        if not rows:
            return None
        if not self.p["location"]:
            return {}
        return {"location": location_of(self.trino.rows(f"SHOW CREATE SCHEMA {self.full_name}")[0][0])}

    def _pattern(self) -> str:
        return re.sub(r"([\\%_])", r"\\\1", self.p["name"])

    def statements(self, before: dict | None) -> list[str]:
        """What has to be run; leaves the module where that can't be."""
        name = f"{self.p['catalog']}.{self.p['name']}"
        if self.p["state"] == "absent":
            if before is None:
                return []
            tables = self.trino.rows(f"SHOW TABLES FROM {self.full_name}")
            if tables and not self.p["cascade"]:
                self.module.fail_json(
                    msg=f"schema {name} holds {len(tables)} tables ({tables[0][0]} …) and stays: "
                    "remove them, or set cascade if they may be lost"
                )
            return [f"DROP SCHEMA {self.full_name} CASCADE" if tables else f"DROP SCHEMA {self.full_name}"]
        if before is None:
            location = f" WITH (location = {literal(self.p['location'])})" if self.p["location"] else ""
            return [f"CREATE SCHEMA {self.full_name}{location}"]
        if self.p["location"] and (before["location"] or "").rstrip("/") != self.p["location"].rstrip("/"):
            self.module.fail_json(
                msg=f"schema {name} lies at {before['location']} and can't be moved to {self.p['location']}: "
                "make a schema of another name there and copy the tables"
            )
        return []

    def wait_for_owner(self) -> None:
        """Until Trino has read the rules: the owner sees the schema."""

        def seen() -> None:
            query = f"SHOW SCHEMAS FROM {identifier(self.p['catalog'])} LIKE {literal(self._pattern())} ESCAPE '\\'"
            try:
                rows = self.trino.cursor(query, user=self.p["owner"]).fetchall()
            except Exception as error:
                raise NotInForceError(str(error)) from error
            if not rows:
                raise NotInForceError("the owner does not see the schema")

        try:
            patiently(seen, 30, lambda error: isinstance(error, NotInForceError))
        except NotInForceError as error:
            self.module.fail_json(
                msg=f"Trino did not take up the rules in {self.p['rules_file']} ({error}): is that its security.config-file, "
                "with security.refresh-period set?"
            )


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "catalog": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "location": {"type": "str"},
            "owner": {"type": "str"},
            "grants": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "user": {"type": "str", "required": True},
                    "privileges": {
                        "type": "list",
                        "elements": "str",
                        "default": ["SELECT"],
                        "choices": ["SELECT", "INSERT", "DELETE", "UPDATE", "GRANT_SELECT"],
                    },
                },
            },
            "rules_file": {"type": "path"},
            "cascade": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_by={"owner": ["rules_file"]},
        supports_check_mode=True,
    )
    p = module.params
    if p["grants"] and not p["owner"]:
        module.fail_json(msg="grants need an owner: the rules of a schema are kept together")
    schema = Schema(module)
    before = schema.read()
    statements = schema.statements(before)
    after = (
        {"location": p["location"]} if p["state"] == "present" and p["location"] else ({} if p["state"] == "present" else None)
    )
    diff = {"before": {"schema": before}, "after": {"schema": after if statements else before}}

    def run(statement: str) -> None:
        try:
            schema.trino.cursor(statement).fetchall()
        except Exception as error:
            schema.trino.fail(error)

    rules_changed = False
    if p["rules_file"]:
        wanted = (
            schema_rules(p["catalog"], p["name"], p["owner"], p["grants"]) if p["state"] == "present" and p["owner"] else None
        )
        try:
            with rules_file(p["rules_file"]) as (document, write):
                merged = merge_rules(document, p["catalog"], p["name"], wanted)
                rules_changed = merged != document
                diff["before"]["rules"] = rules_of(document, p["catalog"], p["name"])
                diff["after"]["rules"] = rules_of(merged, p["catalog"], p["name"])
                if not module.check_mode:
                    # The schema first when it comes, the rules first when it goes: nobody is ever let into what is not there.
                    for statement in statements if p["state"] == "present" else []:
                        run(statement)
                    if rules_changed:
                        write(merged)
        except (OSError, ValueError) as error:
            module.fail_json(msg=f"the access rules were not changed: {error}")
    elif not module.check_mode and p["state"] == "present":
        for statement in statements:
            run(statement)
    if not module.check_mode:
        for statement in statements if p["state"] == "absent" else []:
            run(statement)
        if rules_changed and p["owner"] and p["state"] == "present":
            schema.wait_for_owner()
    shown = {key: json.dumps(value, indent=2) + "\n" for key, value in diff.items()}
    module.exit_json(changed=bool(statements) or rules_changed, statements=statements, diff=shown)


if __name__ == "__main__":
    main()
