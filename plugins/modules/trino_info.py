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
catalogs:
  description: Its catalogs, each with C(name), C(connector), C(schemas) and C(error), one of the last two empty.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino import CONNECTION, Trino, identifier


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(argument_spec=CONNECTION, supports_check_mode=True)
    trino = Trino(module)
    nodes = trino.rows(
        "SELECT node_id, node_version, coordinator, state FROM system.runtime.nodes ORDER BY coordinator DESC, node_id"
    )
    catalogs = []
    for name, connector in trino.rows("SELECT catalog_name, connector_name FROM system.metadata.catalogs ORDER BY 1"):
        entry = {"name": name, "connector": connector, "schemas": [], "error": ""}
        try:
            entry["schemas"] = sorted(row[0] for row in trino.cursor(f"SHOW SCHEMAS FROM {identifier(name)}").fetchall())
        except Exception as error:
            entry["error"] = trino.explain(error)
        catalogs.append(entry)
    module.exit_json(
        changed=False,
        version=nodes[0][1],
        nodes=[{"node_id": n[0], "coordinator": n[2], "state": n[3]} for n in nodes],
        catalogs=catalogs,
    )


if __name__ == "__main__":
    main()
