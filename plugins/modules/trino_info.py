#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_info
short_description: What a Trino coordinator is and has
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Reports version, nodes and catalogs. A catalog that does not work is reported with its error and fails nothing.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Ask Trino about itself
  foss_data.platform.trino_info:
    user: admin
  register: trino

- name: All its catalogs work
  ansible.builtin.assert:
    that: trino.catalogs | selectattr('error') | length == 0
    fail_msg: "{{ trino.catalogs | selectattr('error') }}"
"""

RETURN = r"""
version:
  description: Version of the coordinator.
  returned: always
  type: str
  sample: "476"
nodes:
  description: Its nodes, each with C(node_id), C(coordinator) and C(state).
  returned: always
  type: list
  elements: dict
  sample: [{node_id: one, coordinator: true, state: active}]
catalogs:
  description: Its catalogs, each with C(name), C(connector), C(schemas) and C(error), one of the last two empty.
  returned: always
  type: list
  elements: dict
  sample: [{name: iceberg, connector: iceberg, schemas: [information_schema, sales_marts], error: ''}]
"""

from ansible_collections.foss_data.platform.plugins.module_utils.trino import TrinoError, TrinoModule, identifier


class Info(TrinoModule):
    """What there is; nothing to compare."""

    def work(self):
        """Ask."""
        version = self.client.info()["nodeVersion"]["version"]
        nodes = self.client.rows(
            "SELECT node_id, coordinator, state FROM system.runtime.nodes ORDER BY coordinator DESC, node_id"
        )
        catalogs = self.client.rows("SELECT catalog_name, connector_name FROM system.metadata.catalogs ORDER BY catalog_name")
        return {
            "changed": False,
            "version": version,
            "nodes": [{"node_id": node_id, "coordinator": coordinator, "state": state} for node_id, coordinator, state in nodes],
            "catalogs": [self._catalog(name, connector) for name, connector in catalogs],
        }

    def _catalog(self, name: str, connector: str) -> dict:
        found = {"name": name, "connector": connector, "schemas": [], "error": ""}
        try:
            found["schemas"] = sorted(row[0] for row in self.client.rows(f"SHOW SCHEMAS FROM {identifier(name)}"))
        except TrinoError as error:
            found["error"] = str(error)
        return found


def main() -> None:
    """Entry point of the module."""
    Info({}).run()


if __name__ == "__main__":
    main()
