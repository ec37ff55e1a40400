#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_catalog
short_description: Manage a catalog of a running Trino
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates, changes or removes a catalog by SQL, without a restart. Trino has to run with C(catalog.management=dynamic)
    and C(catalog.store=file).
  - There is no SHOW CREATE CATALOG, so what a catalog is made of is read from the coordinator's store.
    The module runs on that host.
  - A change is DROP and CREATE. Catalogs of Iceberg, Delta Lake and Hive leave resources behind when dropped, so nothing is
    ever dropped unless something changed, and then a warning says that a restart frees them.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the properties before and after. They hold no secrets.
    support: full
options:
  name:
    description: Name of the catalog.
    type: str
    required: true
  connector:
    description: Name of the connector. Required if O(state=present).
    type: str
  properties:
    description:
      - Properties of the catalog. A secret has to be given as C(${ENV:NAME}), a variable in the environment of Trino:
        the statement's text lands in Trino's log and web interface.
    type: dict
    default: {}
  store_dir:
    description: The coordinator's C(catalog.config-dir).
    type: path
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: A catalog over a PostgreSQL database
  foss_data.platform.trino_catalog:
    user: admin
    name: warehouse
    connector: postgresql
    properties:
      connection-url: jdbc:postgresql://127.0.0.1:5432/warehouse
      connection-user: trino
      connection-password: ${ENV:WAREHOUSE_PASSWORD}
    store_dir: /var/lib/trino/catalog
"""

RETURN = r"""
statements:
  description: What was run, or would be.
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino import (
    CONNECTION,
    Trino,
    create_catalog,
    identifier,
    literal,
    literal_secrets,
    parse_properties,
)

LEAKS = ("iceberg", "delta_lake", "hive")


def stored(store_dir: str, name: str) -> dict[str, str] | None:
    """What the coordinator's store says of the catalog; None if nothing."""
    try:
        with open(os.path.join(store_dir, f"{name}.properties"), encoding="latin-1") as handle:
            return parse_properties(handle.read())
    except FileNotFoundError:
        return None


def shown(state: dict[str, str] | None) -> str:
    """The state as lines, for the diff."""
    return "".join(f"{k}={v}\n" for k, v in sorted((state or {}).items()))


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "name": {"type": "str", "required": True},
            "connector": {"type": "str"},
            "properties": {"type": "dict", "default": {}},
            "store_dir": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["connector"])],
        supports_check_mode=True,
    )
    p = module.params
    trino = Trino(module)
    name, properties = p["name"], {k: str(v) for k, v in p["properties"].items()}
    if not os.path.isdir(p["store_dir"]):
        module.fail_json(msg=f"store_dir {p['store_dir']} does not exist: give the coordinator's catalog.config-dir, on its host")
    secrets = literal_secrets(properties)
    if secrets:
        module.fail_json(
            msg=f"catalog {name}: {', '.join(secrets)} would be readable in Trino's log: give ${{ENV:NAME}} and put the value "
            "into Trino's environment"
        )
    before = stored(p["store_dir"], name)
    after = {"connector.name": p["connector"], **properties} if p["state"] == "present" else None
    listed = bool(trino.rows(f"SELECT 1 FROM system.metadata.catalogs WHERE catalog_name = {literal(name)}"))
    if listed and before is None and after:
        module.fail_json(
            msg=f"Trino has a catalog {name} that is not in {p['store_dir']}: it comes from elsewhere and is not touched. "
            "Remove it there, or choose another name"
        )
    statements = []
    if before != after or bool(after) != listed:
        if listed:
            statements.append(f"DROP CATALOG {identifier(name)}")
        if after:
            statements.append(create_catalog(name, p["connector"], properties))
    result = {"changed": bool(statements), "statements": statements, "diff": {"before": shown(before), "after": shown(after)}}
    if module.check_mode or not statements:
        module.exit_json(**result)
    if listed and before and before.get("connector.name") in LEAKS:
        module.warn(f"catalog {name} was made anew; Trino keeps some resources of the old one until it is restarted")
    for statement in statements:
        try:
            trino.cursor(statement).fetchall()
            if after and statement == statements[-1]:
                # Some connectors look at their settings only when they are used.
                trino.cursor(f"SHOW SCHEMAS FROM {identifier(name)}").fetchall()
        except Exception as error:
            hint = put_back(trino, name, before if listed else None)
            trino.fail(error, hint)
    module.exit_json(**result)


def put_back(trino: Trino, name: str, before: dict[str, str] | None) -> str:
    """After a failure: the catalog as it was before, and a sentence that says so."""
    try:
        trino.cursor(f"DROP CATALOG IF EXISTS {identifier(name)}").fetchall()
        if before is None:
            return " Nothing was left behind."
        connector = before.pop("connector.name")
        trino.cursor(create_catalog(name, connector, before)).fetchall()
        return " The catalog is as it was before."
    except Exception as error:
        return f" It could not be put back either: {trino.explain(error)}"


if __name__ == "__main__":
    main()
