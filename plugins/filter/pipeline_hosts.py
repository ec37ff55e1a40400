# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``pipeline_hosts``: a host of its own in the play for each pipeline on each runner."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pipeline_hosts
short_description: The hosts that stand for pipelines in a play
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Ansible works on many hosts side by side, goes on with the others when one fails, and has a line for each in its recap.
    So a play that deploys pipelines has a host for each of them, which is reached as its runner is.
options:
  _input:
    description: Pipelines, as the lookup P(foss_data.platform.pipelines#lookup) gives them.
    type: list
    elements: dict
    required: true
  runners:
    description: Names of the hosts that they are deployed on.
    type: list
    elements: str
    required: true
  taken:
    description: Names of hosts and groups of the inventory.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
loop: "{{ pipeline_list | foss_data.platform.pipeline_hosts(groups.pipeline_runners, groups.all + (groups | list)) }}"
"""

RETURN = r"""
_value:
  description:
    - For each a dictionary with C(name), the pipeline's, and if that would not be the only one of it C(PIPELINE@RUNNER);
      C(runner) and C(pipeline).
  type: list
  elements: dict
"""


def pipeline_hosts(pipelines: list[dict], runners: list[str], taken: list[str]) -> list[dict]:
    """``name``, ``runner`` and ``pipeline`` of each host."""

    def name_of(pipeline: str, runner: str) -> str:
        return pipeline if len(runners) == 1 and pipeline not in taken else f"{pipeline}@{runner}"

    return [{"name": name_of(p["name"], runner), "runner": runner, "pipeline": p} for runner in runners for p in pipelines]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"pipeline_hosts": pipeline_hosts}
