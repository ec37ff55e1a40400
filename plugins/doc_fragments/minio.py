# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT


class ModuleDocFragment:
    """How to reach a MinIO server."""

    DOCUMENTATION = r"""
options:
  endpoint:
    description: Address of the server's S3 interface.
    type: str
    required: true
  admin_access_key:
    description: Name of an administrator.
    type: str
    required: true
  admin_secret_key:
    description: Secret of the administrator.
    type: str
    required: true
  region:
    description: Region that requests are signed for.
    type: str
    default: us-east-1
  ca_path:
    description: File of certificates that the server's is checked against, in the place of the system's.
    type: path
  timeout:
    description: Seconds to wait for a server that does not take connections yet.
    type: int
    default: 30
requirements:
  - minio >= 7.2
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the object before and after; secrets are not shown.
    support: full
"""
