# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Where a play's time goes, by role, on the screen and in a file that tests hold against a budget."""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_budget
type: aggregate
short_description: Seconds and tasks of each role
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Prints at the end of a play how long each role took and which tasks were the slowest.
  - Appends the same figures to a file if one is named, one JSON object for each run that has roles, for a test that holds
    them against a budget.
requirements:
  - enabled in C(callbacks_enabled)
options:
  report:
    description: File that each run's figures are appended to.
    type: path
    env:
      - name: ROLE_BUDGET_REPORT
    ini:
      - section: role_budget
        key: report
  slowest:
    description: How many tasks are named.
    type: int
    default: 5
    env:
      - name: ROLE_BUDGET_SLOWEST
    ini:
      - section: role_budget
        key: slowest
"""

EXAMPLES = r"""
# In ansible.cfg:
# [defaults]
# callbacks_enabled = foss_data.platform.role_budget
# [role_budget]
# report = runs.jsonl
"""

import json
import time
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

PLAY_ITSELF = "(play)"


def by_role(tasks: list[dict]) -> dict[str, dict]:
    """Sums over ``tasks`` (role, name, seconds, status) by role, in the order in which roles came first."""
    roles: dict[str, dict] = {}
    for task in tasks:
        role = roles.setdefault(task["role"], {"seconds": 0.0, "tasks": 0, "skipped": [], "changed": [], "slowest": []})
        role["seconds"] = round(role["seconds"] + task["seconds"], 3)
        role["tasks"] += 1
        if task["status"] in ("changed", "skipped"):
            role[task["status"]].append(task["name"])
        role["slowest"] = sorted([*role["slowest"], [task["seconds"], task["name"]]], reverse=True)[:3]
    return roles


class CallbackModule(CallbackBase):
    """Times each task from its start to the start of the next one: with one host that is what a person waits for."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "foss_data.platform.role_budget"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        """Begin with no task."""
        super().__init__()
        self.tasks: list[dict] = []
        self.began = time.monotonic()
        self.task_began = self.began

    def _end_task(self) -> None:
        now = time.monotonic()
        if self.tasks:
            self.tasks[-1]["seconds"] = round(now - self.task_began, 3)
        self.task_began = now

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Note the task; the one before it has ended."""
        self._end_task()
        role = task._role.get_name(include_role_fqcn=False) if task._role else PLAY_ITSELF
        # "skipped" until a host says otherwise: a task that ran on one host is not a skipped one.
        self.tasks.append({"role": role, "name": task.name or task.action, "seconds": 0.0, "status": "skipped"})

    def v2_playbook_on_handler_task_start(self, task):
        """A handler is a task."""
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result):
        """A change on one host is a change."""
        if result.is_changed():
            self.tasks[-1]["status"] = "changed"
        elif self.tasks[-1]["status"] == "skipped":
            self.tasks[-1]["status"] = "ok"

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """The run's exit code says the rest."""
        self.tasks[-1]["status"] = "failed"

    def v2_playbook_on_stats(self, stats):
        """Print the figures and append them to the report."""
        self._end_task()
        roles = by_role(self.tasks)
        total = time.monotonic() - self.began
        self._display.banner("SECONDS BY ROLE")
        for name, role in roles.items():
            self._display.display(f"{role['seconds']:8.1f}  {name} ({role['tasks']} tasks, {len(role['skipped'])} skipped)")
        self._display.display(f"{total:8.1f}  in all")
        self._display.banner("SLOWEST TASKS")
        for task in sorted(self.tasks, key=lambda t: t["seconds"], reverse=True)[: self.get_option("slowest")]:
            self._display.display(f"{task['seconds']:8.1f}  {task['role']}: {task['name']}")
        if self.get_option("report") and set(roles) - {PLAY_ITSELF}:
            run = {"check": context.CLIARGS.get("check", False), "seconds": round(total, 3), "roles": roles}
            with Path(self.get_option("report")).open("a", encoding="utf-8") as report:
                report.write(json.dumps(run) + "\n")
