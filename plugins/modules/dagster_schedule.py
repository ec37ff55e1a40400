#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: dagster_schedule
short_description: Start or stop a schedule of Dagster
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Starts or stops a schedule that a code location defines. What it does and when is said by the code.
extends_documentation_fragment: foss_data.platform.dagster
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the schedule's state before and after.
    support: full
options:
  location:
    description: Code location that defines it.
    type: str
    required: true
  name:
    description: Name of the schedule.
    type: str
    required: true
  state:
    description:
      - Whether it starts runs.
      - V(stopped) works for a schedule whose code is broken or gone, too.
    type: str
    choices: [running, stopped]
    default: running
"""

EXAMPLES = r"""
- name: Let it run from now on
  foss_data.platform.dagster_schedule:
    location: sales
    name: daily_schedule

- name: No more runs until further notice
  foss_data.platform.dagster_schedule:
    location: sales
    name: daily_schedule
    state: stopped
"""

RETURN = r"""
cron:
  description: When it is due, or several such.
  returned: when the code is loaded
  type: str
  sample: 0 5 * * *
timezone:
  description: Time zone that it is meant in.
  returned: when the code is loaded
  type: str
  sample: Europe/Oslo
"""

from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterError, DagsterModule, listed


class Schedule(DagsterModule):
    """A schedule's state: ``running`` or ``stopped``."""

    def read(self):
        """Its state; leaves the module if there is no such schedule."""
        p = self.params
        self.schedule = None
        self.location = self.dagster.locations().get(p["location"])
        if self.location and p["name"] in self.location["schedules"]:
            self.schedule = self.dagster.schedule(self.location, p["name"])
            self.state = self.schedule["scheduleState"]
            return self.state["status"].lower()
        if p["state"] == "stopped":
            running = [s for s in self.dagster.running(p["location"]) if s["instigationType"] == "SCHEDULE"]
            self.state = next((s for s in running if s["name"] == p["name"]), None)
            if self.state:
                return "running"
        has = listed(self.dagster.known(p["location"])["schedules"])
        raise DagsterError(f"code location {p['location']} has no schedule {p['name']}; it has {has}")

    def wanted(self, before):
        """As given."""
        return self.params["state"]

    def apply(self, before, after):
        """Start or stop it."""
        if after == "running":
            self.dagster.start_schedule(self.location, self.params["name"])
        else:
            self.dagster.stop(self.state)

    def report(self):
        """When it is due."""
        if not getattr(self, "schedule", None):
            return {}
        return {"cron": self.schedule["cronSchedule"], "timezone": self.schedule["executionTimezone"]}

    def shown(self, state):
        """Its state."""
        return f"{self.params['location']}/{self.params['name']}: {state}\n"


def main() -> None:
    """Entry point of the module."""
    Schedule(
        {
            "location": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["running", "stopped"], "default": "running"},
        }
    ).run()


if __name__ == "__main__":
    main()
