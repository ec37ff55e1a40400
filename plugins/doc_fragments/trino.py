# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT


class ModuleDocFragment:
    """How to reach a Trino coordinator."""

    DOCUMENTATION = r"""
options:
  host:
    description: Host of the coordinator.
    type: str
    default: 127.0.0.1
  port:
    description: Its port.
    type: int
    default: 8443
  user:
    description: The user that queries run as.
    type: str
    required: true
  password:
    description: Its password, which is sent over TLS. Without one the coordinator is asked over plain HTTP.
    type: str
  ca_path:
    description: File of certificates that the server's is checked against, in the place of the system's.
    type: path
  timeout:
    description:
      - Seconds to wait for a coordinator that is starting, and for each statement.
      - A statement that takes longer is cancelled.
    type: int
    default: 120
requirements:
  - trino >= 0.330
"""
