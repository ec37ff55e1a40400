# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``published``: what a manifest's ``publishes`` grants in one schema."""

from __future__ import annotations

DOCUMENTATION = r"""
name: published
short_description: Grants of a schema by a pipeline's list of what it publishes
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Every other user may read what is listed, a whole schema or one table of it, and nothing else.
  - Of a schema with masks every table is granted by itself, and what has no name in the masks is not. So nobody sees what lies
    there beside them, such as the table that a run is making or that Trino keeps a table's least and greatest values in.
options:
  _input:
    description: Schemas, and tables as C(SCHEMA.TABLE), as the manifest names them.
    type: list
    elements: str
    required: true
  schema:
    description: The schema, as the manifest names it.
    type: str
    required: true
  masks:
    description: What others see of such schemas, as RV(foss_data.platform.pipeline_release#module:masks).
    type: dict
    required: true
"""

EXAMPLES = r"""
one_table: "{{ ['marts', 'staging.stations'] | foss_data.platform.published('staging', {}) }}"
# [{everyone: true, table: stations}]

with_masks: "{{ ['marts'] | foss_data.platform.published('marts', {'marts': {'customers': {'phone': 'hash'}, 'totals': {}}}) }}"
# [{everyone: true, table: customers, masks: {phone: hash}}, {everyone: true, table: totals}]
"""

RETURN = r"""
_value:
  description: For O(foss_data.platform.trino_schema#module:grants).
  type: list
  elements: dict
"""


def published(publishes: list[str], schema: str, masks: dict[str, dict[str, dict[str, str]]]) -> list[dict]:
    """Grants to everyone in ``schema``: one for all of it, or one for each table."""
    tables = masks.get(schema, {})
    if schema in publishes and not tables:
        return [{"everyone": True}]
    parts = (entry.partition(".") for entry in publishes)
    names = tables if schema in publishes else {table for name, _dot, table in parts if name == schema}
    masked = {name: {"masks": tables[name]} for name in tables if tables[name]}
    return [{"everyone": True, "table": name, **masked.get(name, {})} for name in sorted(names)]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"published": published}
