#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: dagster_run
short_description: Run a job of Dagster
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Launches a run, waits for its end, and fails with the step that failed and its error.
  - Each step is written to the host's log when it ends.
  - Dagster's daemon reads the workspace once a minute, and drops a run of a code location that it does not know yet
    before anything of it ran. Such a run is deleted, and launched again until the daemon knows the location.
extends_documentation_fragment: foss_data.platform.dagster
attributes:
  check_mode:
    description: Launches nothing. It does check that the job takes these assets and this run config.
    support: full
  diff_mode:
    description: Shows what is run.
    support: full
options:
  location:
    description: Code location that defines the job.
    type: str
    required: true
  job:
    description: Name of the job.
    type: str
    required: true
  assets:
    description: Keys of those assets of the job to materialize, their parts joined by slashes. All of them if not given.
    type: list
    elements: str
  run_config:
    description:
      - Run config of the job.
      - Dagster stores and shows it, so it is no place for secrets.
    type: dict
    default: {}
  tags:
    description: Tags of the run, besides those of the job.
    type: dict
    default: {}
  wait:
    description: Whether to wait for the end. If not, only the launch can fail, and a run that the daemon drops stays failed.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds that the run may take, its time in the queue included.
      - When they are over the module fails, and the run goes on.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Run everything
  foss_data.platform.dagster_run:
    location: sales
    job: daily
  register: run

- name: Materialize two assets again, with a tag to find the run by
  foss_data.platform.dagster_run:
    location: sales
    job: daily
    assets: [sales/raw/orders, sales/marts/revenue]
    tags:
      reason: correction
    wait_timeout: 600

- name: A job that takes config, in the background
  foss_data.platform.dagster_run:
    location: sales
    job: import
    run_config:
      ops:
        fetch:
          config:
            day: "2026-01-31"
    wait: false
"""

RETURN = r"""
run_id:
  description: Dagster's name for the run.
  returned: when a run was launched
  type: str
  sample: b0dddf37-4384-4345-afca-44ff8e29cbd5
status:
  description: How far it came, in Dagster's words.
  returned: when a run was launched
  type: str
  sample: SUCCESS
steps:
  description: Its steps in the order in which they started, each with C(name), C(status) and C(seconds).
  returned: when a run was launched
  type: list
  elements: dict
  sample: [{name: raw__orders, status: SUCCESS, seconds: 1.2}]
seconds:
  description: From its start to its end, or until now. Time in the queue is not counted.
  returned: when a run was launched
  type: float
  sample: 5.6
"""

import json
import time

from ansible_collections.foss_data.platform.plugins.module_utils.dagster import (
    ENDED,
    UNKNOWN_TO_DAEMON,
    DagsterError,
    DagsterModule,
    listed,
)

INTERVAL = 0.5  # seconds between two looks at a run


class Launch(DagsterModule):
    """A run. Its state: what is run, None before."""

    run_now: dict | None = None

    def read(self):
        """Nothing is run; leaves the module if nothing could be."""
        p = self.params
        self.location = self.dagster.known(p["location"])
        for what, names, there in (
            ("job", [p["job"]], self.location["jobs"]),
            ("asset", p["assets"] or [], self.location["assets"]),
        ):
            unknown = ", ".join(name for name in names if name not in there)
            if unknown:
                raise DagsterError(f"code location {p['location']} has no {what} {unknown}; it has {listed(there)}")
        self.dagster.plan(self.location, p["job"], p["assets"], p["run_config"])

    def wanted(self, before):
        """The run as given."""
        return {key: self.params[key] for key in ("location", "job", "assets", "run_config", "tags") if self.params[key]}

    def apply(self, before, after):
        """Launch it, and again if the daemon dropped it for not knowing the location; see it through."""
        launched = time.monotonic()
        while not self._over(launched):
            time.sleep(INTERVAL)

    def _over(self, launched: float) -> bool:
        p = self.params
        if self.run_now is None:
            what = (self.location, p["job"], p["assets"], p["run_config"])
            self.dagster.plan(*what)
            self.run_now = self.dagster.run(self.dagster.launch(*what, p["tags"]))
            return not p["wait"]
        logged = len([step for step in self.run_now["steps"] if step["status"] in ENDED])
        self.run_now = run = self.dagster.run(self.run_now["run_id"])
        for step in [step for step in run["steps"] if step["status"] in ENDED][logged:]:
            self.module.log(f"run {run['run_id']}: {step['name']} {step['status']} after {step['seconds']} s")
        return self._judged(run, time.monotonic() - launched)

    def _judged(self, run: dict, waited: float) -> bool:
        """Whether it ended well; leaves the module if it did not, or takes too long."""
        about = f"run {run['run_id']} of job {run['job']}"
        late = waited >= self.params["wait_timeout"]
        if run["status"] == "SUCCESS":
            return True
        if run["status"] in ENDED:
            error = self.dagster.why_failed(run["run_id"])
            if error.kind != UNKNOWN_TO_DAEMON or late:
                raise DagsterError(f"{about} {error}")
            self.dagster.delete_run(run["run_id"])
            self.run_now = None
        elif late or (run["status"] == "QUEUED" and waited >= self.params["timeout"] and not self.dagster.takes_runs()):
            raise DagsterError(f"{about} did not end within {round(waited)} seconds and {self.dagster.why_waiting(run)}")
        return False

    def report(self):
        """How far the run came."""
        return {key: self.run_now[key] for key in ("run_id", "status", "steps", "seconds")} if self.run_now else {}

    def shown(self, state):
        """The state as JSON."""
        return json.dumps(state, indent=2) + "\n" if state else ""


def main() -> None:
    """Entry point of the module."""
    Launch(
        {
            "location": {"type": "str", "required": True},
            "job": {"type": "str", "required": True},
            "assets": {"type": "list", "elements": "str"},
            "run_config": {"type": "dict", "default": {}},
            "tags": {"type": "dict", "default": {}},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 3600},
        }
    ).run()


if __name__ == "__main__":
    main()
