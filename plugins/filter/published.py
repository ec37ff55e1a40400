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
"""

EXAMPLES = r"""
grants: "{{ ['marts', 'staging.stations'] | foss_data.platform.published('staging') }}"
# [{everyone: true, table: stations}]
"""

RETURN = r"""
_value:
  description: For O(foss_data.platform.trino_schema#module:grants).
  type: list
  elements: dict
"""


def published(publishes: list[str], schema: str) -> list[dict]:
    """Grants to everyone in ``schema``: one for all of it, or one for each table."""
    if schema in publishes:
        return [{"everyone": True}]
    parts = (entry.partition(".") for entry in sorted(set(publishes)))
    return [{"everyone": True, "table": table} for name, _dot, table in parts if name == schema]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"published": published}
