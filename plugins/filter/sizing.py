# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``sizing``: how a host's memory is shared out among the services that it carries."""

from __future__ import annotations

import math

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: sizing
short_description: Memory of each service from the memory of its host
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Every service gets its least first; what is left after the system's own share is divided by weight.
options:
  _input:
    description: Memory of the host in MiB.
    type: int
    required: true
  services:
    description: Names of the services on this host.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
trino_memory_mb: "{{ (platform_memory_mb | foss_data.platform.sizing(platform_services)).trino }}"
"""

RETURN = r"""
_value:
  description: MiB by service, the ceiling of its unit (C(MemoryMax)).
  type: dict
"""

# MiB that the service needs at the least; its weight in what is left; MiB after which more is of no use.
# From resting memory and load measured on stand-ins of 4 and 8 GiB (docs/BENCHMARKS.md).
PLAN = {
    "postgresql": (256, 3, 4096),
    "minio": (320, 2, 2048),
    "hive_metastore": (320, 0, 320),
    "trino": (1100, 10, 65536),
    "dagster_webserver": (384, 1, 1024),
    "dagster_daemon": (320, 1, 1024),
    "gateway": (144, 0, 144),
    "pipelines": (880, 4, 65536),
}
# The operating system, its page cache and a person's shell.
SYSTEM_SHARE = 0.08
SYSTEM_LEAST = 256


def sizing(memory_mb: int, services: list[str]) -> dict[str, int]:
    """MiB for each of ``services`` on a host of ``memory_mb`` MiB.

    Raises AnsibleFilterError for a service that the plan does not know, or when the least of all exceeds the memory.
    """
    unknown = sorted(set(services) - set(PLAN))
    if unknown:
        raise AnsibleFilterError(f"sizing: no such service: {', '.join(unknown)}; known are {', '.join(sorted(PLAN))}")
    system = max(SYSTEM_LEAST, int(memory_mb * SYSTEM_SHARE))
    least = sum(PLAN[s][0] for s in services)
    left = memory_mb - system - least
    if left < 0:
        needed = max(least + SYSTEM_LEAST, math.ceil(least / (1 - SYSTEM_SHARE)))
        raise AnsibleFilterError(
            f"sizing: {', '.join(services)} need {needed} MiB together and this host has {memory_mb}: give it more memory"
        )
    weights = sum(PLAN[s][1] for s in services) or 1
    return {s: min(PLAN[s][2], PLAN[s][0] + left * PLAN[s][1] // weights) for s in services}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"sizing": sizing}
