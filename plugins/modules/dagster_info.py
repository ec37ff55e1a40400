#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: dagster_info
short_description: What a Dagster has, runs and ran
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Reports version, code locations, what runs by itself, the daemon's health and the last runs.
  - What is broken is reported with its error and fails nothing.
extends_documentation_fragment: foss_data.platform.dagster
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
options:
  runs:
    description: How many of the last runs to report.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Ask Dagster about itself
  foss_data.platform.dagster_info:
  register: dagster

- name: All code is loaded and the daemon lives
  ansible.builtin.assert:
    that:
      - dagster.locations | selectattr('error') | length == 0
      - dagster.daemons | selectattr('required') | rejectattr('alive') | length == 0
"""

RETURN = r"""
version:
  description: Version of the webserver.
  returned: always
  type: str
  sample: 1.13.27
locations:
  description:
    - Its code locations, each with C(name), C(error), C(source), C(server_id), C(dagster_version), C(jobs), C(schedules),
      C(sensors) and C(assets). C(error) is empty for one that is loaded, else the others are.
    - C(source) says where it comes from, such as C(socket), or C(host) and C(port).
  returned: always
  type: list
  elements: dict
  sample:
    - name: sales
      error: ''
      source: {host: localhost, socket: /run/sales/code.sock}
      server_id: 5bbf3a1e-16f7-4e63-b0a5-6c6d7ed0fd10
      dagster_version: 1.13.27
      jobs: [daily]
      schedules: [daily_schedule]
      sensors: []
      assets: [sales/raw/orders, sales/marts/revenue]
schedules:
  description: The schedules of all loaded locations, each with C(location), C(name), C(running), C(cron) and C(timezone).
  returned: always
  type: list
  elements: dict
  sample: [{location: sales, name: daily_schedule, running: true, cron: 0 5 * * *, timezone: Europe/Oslo}]
orphans:
  description:
    - Schedules and sensors that are stored as running though no loaded location has them, each with C(location), C(name) and
      C(type).
  returned: always
  type: list
  elements: dict
  sample: []
daemons:
  description:
    - The parts of the daemon, each with C(type), C(required), C(alive), C(age) and C(errors).
    - C(age) is that of the last sign of life in seconds, null if there never was one. It is taken for dead after 90 s, Dagster's
      own pages take half an hour for that.
  returned: always
  type: list
  elements: dict
  sample: [{type: SCHEDULER, required: true, alive: true, age: 12, errors: []}]
runs:
  description:
    - The last runs, newest first, each with C(run_id), C(location), C(job), C(status), C(created) in seconds since 1970, and
      C(seconds).
  returned: always
  type: list
  elements: dict
  sample:
    - run_id: b0dddf37-4384-4345-afca-44ff8e29cbd5
      location: sales
      job: daily
      status: SUCCESS
      created: 1795550553.32
      seconds: 5.6
"""

from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterModule


class Info(DagsterModule):
    """What there is; nothing to compare."""

    def work(self):
        """Ask."""
        locations = self.dagster.locations()
        orphans = [
            s
            for s in self.dagster.running()
            if s["name"] not in self._by_itself(locations.get(s["repositoryLocationName"]), s["instigationType"])
        ]
        return {
            "changed": False,
            "version": self.dagster.version(),
            "locations": [{k: v for k, v in loc.items() if k not in ("repositories", "reachable")} for loc in locations.values()],
            "schedules": [self._schedule(loc, name) for loc in locations.values() for name in loc["schedules"]],
            "orphans": [
                {"location": s["repositoryLocationName"], "name": s["name"], "type": s["instigationType"].lower()}
                for s in orphans
            ],
            "daemons": self.dagster.daemons(),
            "runs": [{k: v for k, v in run.items() if k != "steps"} for run in self.dagster.runs(self.params["runs"])],
        }

    @staticmethod
    def _by_itself(location: dict | None, kind: str) -> list[str]:
        return location["schedules" if kind == "SCHEDULE" else "sensors"] if location else []

    def _schedule(self, location: dict, name: str) -> dict:
        schedule = self.dagster.schedule(location, name)
        return {
            "location": location["name"],
            "name": name,
            "running": schedule["scheduleState"]["status"] == "RUNNING",
            "cron": schedule["cronSchedule"],
            "timezone": schedule["executionTimezone"],
        }


def main() -> None:
    """Entry point of the module."""
    Info({"runs": {"type": "int", "default": 10}}).run()


if __name__ == "__main__":
    main()
