# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT


class ModuleDocFragment:
    """How to reach a Dagster webserver."""

    DOCUMENTATION = r"""
options:
  url:
    description: Address of the webserver, with its path prefix if it has one.
    type: str
    default: http://127.0.0.1:3000
  headers:
    description: HTTP headers to send, such as the token that a proxy in front of the webserver asks for.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds to wait for a webserver or a code server that is starting.
      - In check mode nothing is waited for.
    type: int
    default: 60
  hide:
    description:
      - Secrets that code may print when it fails. They are masked in whatever is said.
    type: list
    elements: str
    default: []
requirements:
  - requests
"""
