# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``derived_secrets``: as ``derived_secret``, for many names at once."""

from __future__ import annotations

from .derived_secret import derived_secret

DOCUMENTATION = r"""
name: derived_secrets
short_description: Secrets derived from another, one for each name
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - The same as P(foss_data.platform.derived_secret#filter) by C(PURPOSE:\ NAME), in a dictionary by name.
options:
  _input:
    description: The secret that others are derived from.
    type: str
    required: true
  purpose:
    description: What they are for.
    type: str
    required: true
  names:
    description: Whom they are for.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
passwords: "{{ secret_pipelines | foss_data.platform.derived_secrets('database', ['sales', 'stock']) }}"
"""

RETURN = r"""
_value:
  description: The secret of each name.
  type: dict
"""


def derived_secrets(root: str, purpose: str, names: list[str]) -> dict[str, str]:
    """The secret ``PURPOSE: NAME`` of each name."""
    return {name: derived_secret(root, f"{purpose}: {name}") for name in names}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"derived_secrets": derived_secrets}
