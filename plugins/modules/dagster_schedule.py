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
    description: Code location that defines it. O(location) and O(name), or O(aggregate), are required.
    type: str
  name:
    description: Name of the schedule.
    type: str
  state:
    description:
      - Whether it starts runs.
      - V(stopped) works for a schedule whose code is broken or gone, too.
    type: str
    choices: [running, stopped]
    default: running
  aggregate:
    description:
      - Several schedules at once. What an item does not say is as given beside this list.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      location:
        description: As O(location).
        type: str
        required: true
      name:
        description: As O(name).
        type: str
        required: true
      state:
        description: As O(state).
        type: str
        choices: [running, stopped]
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

- name: Let two run
  foss_data.platform.dagster_schedule:
    aggregate:
      - {location: sales, name: daily_schedule}
      - {location: stock, name: hourly_schedule}
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
results:
  description: What came of each item; also what is returned of one.
  returned: with O(aggregate)
  type: list
  elements: dict
  contains:
    location:
      description: Code location that defines it.
      type: str
    name:
      description: Name of the schedule.
      type: str
    changed:
      description: Whether its state was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: Its state before and after.
      type: dict
"""

from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterError, DagsterModule, known, listed


class Schedule(AggregateModule, DagsterModule):
    """A schedule's state: ``running`` or ``stopped``."""

    identity = ("location", "name")
    schedule = None

    def share(self, items):
        """Locations, their schedules, and if one is stopped what runs, each once."""
        stops = any(item.params["state"] == "stopped" for item in items)
        self.shared |= {
            "locations": self.dagster.locations(),
            "schedules": self.dagster.schedules(),
            "running": self.dagster.running() if stops else [],
        }

    def read(self):
        """Its state; leaves the module if there is no such schedule."""
        p = self.params
        locations = self.dagster.locations() if self.item is None else self.shared["locations"]
        self.location = locations.get(p["location"])
        if self.location and p["name"] in self.location["schedules"]:
            if self.item is None:
                self.schedule = self.dagster.schedule(self.location, p["name"])
            else:
                self.schedule = self.shared["schedules"][p["location"]][p["name"]]
            self.state = self.schedule["scheduleState"]
            return self.state["status"].lower()
        if p["state"] == "stopped":
            running = self.dagster.running(p["location"]) if self.item is None else self.shared["running"]
            mine = [s for s in running if (s["instigationType"], s["repositoryLocationName"]) == ("SCHEDULE", p["location"])]
            self.state = next((s for s in mine if s["name"] == p["name"]), None)
            if self.state:
                return "running"
        location = self.dagster.known(p["location"]) if self.item is None else known(locations, p["location"])
        has = listed(location["schedules"])
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
        if not self.schedule:
            return {}
        return {"cron": self.schedule["cronSchedule"], "timezone": self.schedule["executionTimezone"]}

    def shown(self, state):
        """Its state."""
        return f"{self.params['location']}/{self.params['name']}: {state}\n"


def main() -> None:
    """Entry point of the module."""
    Schedule(
        {
            "location": {"type": "str"},
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["running", "stopped"], "default": "running"},
        }
    ).run()


if __name__ == "__main__":
    main()
