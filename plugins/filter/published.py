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
  - Every other user may read the schemas that are listed, and nothing else.
  - Of a schema with masks every table is granted by itself, and what has no name in the masks is not. So nobody sees what lies
    there beside them, such as the table that a run is making or that Trino keeps a table's least and greatest values in.
options:
  _input:
    description: Schemas, as the manifest names them.
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
all_of_it: "{{ ['marts'] | foss_data.platform.published('marts', {}) }}"
# [{everyone: true}]

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
    """Grants to everyone in ``schema``: one for all of it, or with masks one for each table."""
    if schema not in publishes:
        return []
    tables = masks.get(schema, {})
    named = [{"everyone": True, "table": name} | ({"masks": tables[name]} if tables[name] else {}) for name in sorted(tables)]
    return named or [{"everyone": True}]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"published": published}
