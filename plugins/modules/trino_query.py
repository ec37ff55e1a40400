#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_query
short_description: Run one statement in Trino
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Runs one statement and returns its rows with their types.
  - Decimals come as text, times as ISO 8601, binary data as hexadecimal digits.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: A statement that only reads is run; any other is not, and is reported as a change.
    support: full
  diff_mode:
    description: A statement has no before and after.
    support: none
options:
  query:
    description: The statement, without a semicolon.
    type: str
    required: true
  parameters:
    description: Values for its question marks, in order. They are bound, never pasted.
    type: list
    elements: raw
    default: []
  read_only:
    description: Refuse a statement that does anything else than read.
    type: bool
    default: false
  catalog:
    description: Catalog that names without one are looked up in.
    type: str
  schema:
    description: Schema that names without one are looked up in.
    type: str
"""

EXAMPLES = r"""
- name: Ten rows
  foss_data.platform.trino_query:
    user: admin
    query: SELECT * FROM iceberg.sales_marts.orders WHERE country = ? LIMIT 10
    parameters: [NO]
    read_only: true
"""

RETURN = r"""
rows:
  description: The rows, each a dictionary by column. Columns without a name, or with one that is taken, are called C(_colN).
  returned: always
  type: list
  elements: dict
columns:
  description: Name and Trino's type of each column.
  returned: always
  type: list
  elements: dict
query_id:
  description: Trino's name of the query.
  returned: when it was run
  type: str
seconds:
  description: How long it took.
  returned: when it was run
  type: float
update_count:
  description: Rows written, where Trino says so.
  returned: when it was run
  type: int
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino import CONNECTION, Trino, is_read, plain


def column_names(description: list) -> list[str]:
    """Unique names for the columns of a result."""
    names: list[str] = []
    for index, column in enumerate(description or []):
        names.append(column[0] if column[0] and column[0] not in names else f"_col{index}")
    return names


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "query": {"type": "str", "required": True},
            "parameters": {"type": "list", "elements": "raw", "default": []},
            "read_only": {"type": "bool", "default": False},
            "catalog": {"type": "str"},
            "schema": {"type": "str"},
        },
        supports_check_mode=True,
    )
    p = module.params
    reads = is_read(p["query"])
    if p["read_only"] and not reads:
        module.fail_json(msg="read_only is set and this statement does not only read: take read_only away if that is meant")
    if module.check_mode and not reads:
        module.exit_json(changed=True, rows=[], columns=[])
    trino = Trino(module)
    session = {key: p[key] for key in ("catalog", "schema") if p[key]}
    started = time.monotonic()
    try:
        cursor = trino.cursor(p["query"], p["parameters"] or None, **session)
        rows = cursor.fetchall()
    except Exception as error:
        trino.fail(error)
    names = column_names(cursor.description)
    module.exit_json(
        changed=not reads,
        rows=[dict(zip(names, map(plain, row), strict=True)) for row in rows],
        columns=[{"name": n, "type": c[1]} for n, c in zip(names, cursor.description or [], strict=True)],
        query_id=cursor.query_id,
        update_count=cursor.rowcount if cursor.rowcount and cursor.rowcount > 0 else 0,
        seconds=round(time.monotonic() - started, 3),
    )


if __name__ == "__main__":
    main()
