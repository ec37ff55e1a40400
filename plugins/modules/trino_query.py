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
  - Nothing is rounded. Decimals, intervals and NaN come as text, times as ISO 8601 with all their digits, binary data as base64,
    a row whose fields have names as a dictionary.
  - All rows are held in memory and end in the task's result, so ask for those you need.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: A statement that only reads is run. Any other is not, and is reported as a change.
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
    description: Values for its question marks, in order. Trino binds them; they are never pasted into the statement.
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
    query: SELECT * FROM iceberg.sales_marts.orders WHERE country = ? AND amount > ? LIMIT 10
    parameters: ["NO", 100]
    read_only: true
  register: orders

- name: Make one file of many
  foss_data.platform.trino_query:
    user: admin
    query: ALTER TABLE orders EXECUTE optimize
    catalog: iceberg
    schema: sales_marts
    timeout: 1800
"""

RETURN = r"""
rows:
  description: The rows, each a dictionary by column. Columns without a name, or with one that is taken, are called C(_colN).
  returned: always
  type: list
  elements: dict
columns:
  description: Name and Trino's type of each column, in order.
  returned: always
  type: list
  elements: dict
  sample: [{name: amount, type: 'decimal(10, 2)'}]
query_id:
  description: Trino's name of the query.
  returned: when it was run
  type: str
  sample: 20260101_120000_00042_abcde
seconds:
  description: How long Trino took.
  returned: when it was run
  type: float
update_count:
  description: Number of rows written or removed; null where Trino doesn't count.
  returned: when it was run
  type: int
"""

from ansible_collections.foss_data.platform.plugins.module_utils.trino import TrinoModule, is_read

# Statements that did nothing if they wrote no row; CREATE TABLE AS made its table all the same.
ROWS_ONLY = ("INSERT", "DELETE", "UPDATE", "MERGE")


class Query(TrinoModule):
    """One statement, not a state."""

    def work(self):
        """Run it, unless check mode forbids that."""
        p, reads = self.params, is_read(self.params["query"])
        if p["read_only"] and not reads:
            self.fail("read_only is set and this statement does not only read: take read_only away if that is meant")
        if self.module.check_mode and not reads:
            return {"changed": True, "rows": [], "columns": []}
        result = self.client.run(p["query"], p["parameters"], catalog=p["catalog"], schema=p["schema"])
        names = [column["name"] for column in result.columns]
        nothing_written = result.update_type in ROWS_ONLY and result.update_count == 0
        return {
            "changed": not reads and not nothing_written,
            "rows": [dict(zip(names, row, strict=True)) for row in result.rows],
            "columns": result.columns,
            "query_id": result.query_id,
            "update_count": result.update_count,
            "seconds": result.stats["elapsedTimeMillis"] / 1000,
        }


def main() -> None:
    """Entry point of the module."""
    Query(
        {
            "query": {"type": "str", "required": True},
            "parameters": {"type": "list", "elements": "raw", "default": []},
            "read_only": {"type": "bool", "default": False},
            "catalog": {"type": "str"},
            "schema": {"type": "str"},
        }
    ).run()


if __name__ == "__main__":
    main()
