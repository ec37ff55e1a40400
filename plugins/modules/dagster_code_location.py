#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: dagster_code_location
short_description: Register a code location with Dagster
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Adds a code server to the workspace file that Dagster's webserver and daemon read, makes the webserver read it again
    without a restart, and waits until the code is loaded; or removes it.
  - Code that can't be loaded fails the module with the error of the code, also when nothing had to be changed.
  - The webserver asks the code server again each time, so it has the code of a code server that was restarted. That is no
    change of the location; whoever restarted the code server made it.
  - The daemon reads the workspace file once a minute. Until then it fails runs of a location that it does not know;
    M(foss_data.platform.dagster_run) copes with that.
extends_documentation_fragment: foss_data.platform.dagster
attributes:
  check_mode:
    description:
      - Says what would change and changes nothing. Whether the code can be loaded is known for a location that is
        registered as given.
    support: full
  diff_mode:
    description: Shows the entry of the workspace file and what runs by itself.
    support: full
options:
  name:
    description: Name of the code location.
    type: str
    required: true
  workspace:
    description:
      - The workspace file that the webserver was started with, on the host where the module runs.
      - Lines of other locations stay as they are. Two plays at once both land; a file named like it with C(.lock) is the lock.
    type: path
    required: true
  socket:
    description: Unix socket of the code server. V(present) needs this, or O(host) and O(port).
    type: path
  host:
    description: Host of the code server.
    type: str
  port:
    description: TCP port of the code server.
    type: int
  state:
    description:
      - Whether it is there.
      - V(absent) first stops its running schedules and sensors, which would otherwise count as running for ever.
        Runs in progress are left alone.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Register a code server that listens on a unix socket
  foss_data.platform.dagster_code_location:
    name: sales
    workspace: /etc/dagster/workspace.yaml
    socket: /run/sales/code.sock
  register: location

- name: It defines what it should
  ansible.builtin.assert:
    that: "'daily' in location.jobs"

- name: No such location
  foss_data.platform.dagster_code_location:
    name: sales
    workspace: /etc/dagster/workspace.yaml
    state: absent
"""

RETURN = r"""
server_id:
  description: The running code server's own identity. It changes when the code server is started again.
  returned: when the code is loaded
  type: str
  sample: 5bbf3a1e-16f7-4e63-b0a5-6c6d7ed0fd10
dagster_version:
  description: Version of Dagster that the code server runs.
  returned: when the code is loaded
  type: str
  sample: 1.13.27
jobs:
  description: Names of its jobs.
  returned: when the code is loaded
  type: list
  elements: str
  sample: [daily]
schedules:
  description: Names of its schedules.
  returned: when the code is loaded
  type: list
  elements: str
  sample: [daily_schedule]
sensors:
  description: Names of its sensors.
  returned: when the code is loaded
  type: list
  elements: str
  sample: []
assets:
  description: Keys of its assets, their parts joined by slashes.
  returned: when the code is loaded
  type: list
  elements: str
  sample: [raw/orders, marts/revenue]
"""

import contextlib
import os
import tempfile

from ansible_collections.foss_data.platform.plugins.module_utils import dagster_workspace
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterError, DagsterModule
from ansible_collections.foss_data.platform.plugins.module_utils.dagster_workspace import YAML_ERROR
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently

with contextlib.suppress(ImportError):  # YAML_ERROR tells
    import yaml

SOCKET_LENGTH = 107  # bytes that the kernel takes for the path of a unix socket
REPORTED = ("server_id", "dagster_version", "jobs", "schedules", "sensors", "assets")


class CodeServerNotAnswering(DagsterError):
    """The code server may still be starting."""


class CodeLocation(DagsterModule):
    """A code location: its entry in the workspace file, whether the webserver has it, what runs by itself."""

    def read(self):
        """What file and webserver have."""
        try:
            with open(self.params["workspace"], encoding="utf-8") as handle:
                entries = dagster_workspace.parse(handle.read(), self.params["workspace"])
        except (OSError, ValueError) as error:
            self._unusable(error)
        self.location = self.dagster.locations().get(self.params["name"])
        return {
            "entry": dagster_workspace.find(entries, self.params["name"]),
            "registered": self.location is not None,
            "running": self.dagster.running(self.params["name"]) if self.params["state"] == "absent" else [],
        }

    def _unusable(self, error: Exception) -> None:
        self.module.fail_json(msg=f"the workspace file can't be used: {error}")

    def _entry(self) -> dict:
        p = self.params
        place = {"socket": p["socket"]} if p["socket"] else {"host": p["host"], "port": p["port"]}
        return {"grpc_server": {**place, "location_name": p["name"]}}

    def _as_given(self, location: dict) -> bool:
        """Whether the webserver's location is the code server that is asked for."""
        place = {"socket": self.params["socket"]} if self.params["socket"] else {"port": str(self.params["port"])}
        return all(location["source"].get(key) == value for key, value in place.items()) and (
            not self.params["host"] or location["source"].get("host") == self.params["host"]
        )

    def wanted(self, before):
        """As given. What is registered as given is asked again, so that a restarted code server is seen and a broken one told."""
        if self.params["state"] == "absent":
            return {"entry": None, "registered": False, "running": []}
        entry = self._entry()
        if before["entry"] != entry or self.location is None or not self._as_given(self.location):
            # Whether registered or not: it is taken from somewhere else than asked for.
            return {"entry": entry, "registered": "as given", "running": []}
        if not self.module.check_mode:
            self.dagster.reload_location(self.params["name"])
        self._load()
        return before

    def apply(self, before, after):
        """Stop what runs before its code goes; write the file; have it read; wait for the code."""
        for state in before["running"]:
            self.dagster.stop(state)
        self._write(after["entry"])
        self.dagster.reload_workspace()
        if after["entry"]:
            self._load()

    def _write(self, entry: dict | None) -> None:
        path = self.params["workspace"]
        try:
            with dagster_workspace.locked(path) as text:
                new = dagster_workspace.edit(text, self.params["name"], entry)
                if new == text:
                    return
                handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=os.path.basename(path))
                with open(handle, "w", encoding="utf-8") as stream:
                    stream.write(new)
                # Keeps owner and mode of the file that it replaces.
                self.module.atomic_move(temporary, path)
        except (OSError, ValueError) as error:
            self._unusable(error)

    def _load(self) -> None:
        """Wait for a code server that is starting; leaves the module with anything but loaded code."""
        name = self.params["name"]

        def loaded() -> None:
            location = self.dagster.locations().get(name)
            if location is None:
                raise DagsterError(
                    f"the webserver does not list {name} after it read its workspace again: is {self.params['workspace']} "
                    "the file that it was started with?"
                )
            if location["error"] and not location["reachable"]:
                if not self.module.check_mode:
                    self.dagster.reload_location(name)
                place = self.params["socket"] or f"{self.params['host']}:{self.params['port']}"
                raise CodeServerNotAnswering(f"code location {name}: {location['error']}. Is it running at {place}?")
            if location["error"]:
                raise DagsterError(f"code location {name} can't be loaded: {location['error']}")
            self.location = location

        self.location = None
        patiently(loaded, self.dagster.timeout, lambda error: isinstance(error, CodeServerNotAnswering))

    def report(self):
        """What the loaded code defines."""
        location = getattr(self, "location", None)
        if self.params["state"] == "absent" or not location or location["error"]:
            return {}
        return {key: location[key] for key in REPORTED}

    def shown(self, state):
        """The state as YAML."""
        shown = {
            "entry": state["entry"],
            "registered": state["registered"],
            "running": sorted(s["name"] for s in state["running"]),
        }
        shown = {key: value for key, value in shown.items() if value}
        return yaml.safe_dump(shown, sort_keys=False) if shown else ""


def main() -> None:
    """Entry point of the module."""
    location = CodeLocation(
        {
            "name": {"type": "str", "required": True},
            "workspace": {"type": "path", "required": True},
            "socket": {"type": "path"},
            "host": {"type": "str"},
            "port": {"type": "int"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("socket", "host"), True)],
        mutually_exclusive=[("socket", "host"), ("socket", "port")],
        required_together=[("host", "port")],
    )
    if YAML_ERROR:
        location.module.fail_json(msg="this needs the Python package PyYAML on the host", exception=YAML_ERROR)
    if len((location.params["socket"] or "").encode()) > SOCKET_LENGTH:
        location.module.fail_json(msg=f"socket: a unix socket's path has at most {SOCKET_LENGTH} bytes; move it to a shorter one")
    location.run()


if __name__ == "__main__":
    main()
