# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``derived_secret``: one stored secret gives any number of unrelated ones, by name."""

from __future__ import annotations

import base64
import hashlib
import hmac

DOCUMENTATION = r"""
name: derived_secret
short_description: A secret derived from another by a name
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Always the same for the same root and name; who knows one of them learns nothing about the root or the others
    (HMAC with SHA-256, as a pseudo-random function).
options:
  _input:
    description: The secret that others are derived from.
    type: str
    required: true
  name:
    description: What it is for.
    type: str
    required: true
"""

EXAMPLES = r"""
secret_key: "{{ secret_pipelines | foss_data.platform.derived_secret('object store: sales') }}"
"""

RETURN = r"""
_value:
  description: 40 letters and digits.
  type: str
"""


def derived_secret(root: str, name: str) -> str:
    """40 characters A-Z and 2-7 (200 bits) derived from ``root`` by ``name``."""
    digest = hmac.new(str(root).encode(), name.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest)[:40].decode()


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"derived_secret": derived_secret}
