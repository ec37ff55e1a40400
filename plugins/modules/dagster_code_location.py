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
    description: Name of the code location. This or O(aggregate) is required.
    type: str
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
  aggregate:
    description:
      - Several code locations at once. The workspace file is written once and read once, and their code loads side by side.
        What an item does not say is as given beside this list.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      socket:
        description: As O(socket).
        type: path
      host:
        description: As O(host).
        type: str
      port:
        description: As O(port).
        type: int
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
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

- name: Register two at once
  foss_data.platform.dagster_code_location:
    workspace: /etc/dagster/workspace.yaml
    aggregate:
      - {name: sales, socket: /run/sales/code.sock}
      - {name: stock, socket: /run/stock/code.sock}
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
  sample: [sales/raw/orders, sales/marts/revenue]
results:
  description: What came of each item; also what is returned of one, when its code is loaded.
  returned: with O(aggregate)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the code location.
      type: str
    changed:
      description: Whether it was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: Its entry and what runs by itself, before and after.
      type: dict
"""

import contextlib
import os
import tempfile

from ansible_collections.foss_data.platform.plugins.module_utils import dagster_workspace
from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterError, DagsterModule
from ansible_collections.foss_data.platform.plugins.module_utils.dagster_workspace import YAML_ERROR
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently

with contextlib.suppress(ImportError):  # YAML_ERROR tells
    import yaml

SOCKET_LENGTH = 107  # bytes that the kernel takes for the path of a unix socket
REPORTED = ("server_id", "dagster_version", "jobs", "schedules", "sensors", "assets")


class CodeServerNotAnswering(DagsterError):
    """The code server may still be starting."""


class CodeLocation(AggregateModule, DagsterModule):
    """A code location: its entry in the workspace file, whether the webserver has it, what runs by itself."""

    identity = ("name",)
    beside = ("workspace",)
    location = None  # as the webserver has it
    starting = False  # whether its code server may still be

    def options(self):
        """A socket that the kernel takes."""
        if len((self.params["socket"] or "").encode()) > SOCKET_LENGTH:
            self.fail(f"socket: a unix socket's path has at most {SOCKET_LENGTH} bytes; move it to a shorter one")

    def share(self, items):
        """The file, the webserver's locations, and if any goes what runs, each once."""
        self.shared |= {"entries": self._entries(), "locations": self.dagster.locations()}
        going = any(item.params["state"] == "absent" for item in items)
        self.shared["running"] = self.dagster.running() if going else []

    def read(self):
        """What file and webserver have."""
        name, goes = self.params["name"], self.params["state"] == "absent"
        if self.item is not None:
            entries, locations = self.shared["entries"], self.shared["locations"]
            running = [s for s in self.shared["running"] if goes and s["repositoryLocationName"] == name]
        else:
            entries, locations = self._entries(), self.dagster.locations()
            running = self.dagster.running(name) if goes else []
        self.location = locations.get(name)
        return {
            "entry": dagster_workspace.find(entries, name),
            "registered": self.location is not None,
            "running": running,
        }

    def _entries(self) -> list[dict]:
        try:
            with open(self.params["workspace"], encoding="utf-8") as handle:
                return dagster_workspace.parse(handle.read(), self.params["workspace"])
        except (OSError, ValueError) as error:
            self._unusable(error)

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
        if self.module.check_mode and self.item is not None:
            self._look(self.shared["locations"])
        elif self.item is None:
            if not self.module.check_mode:
                self.dagster.reload_location(self.params["name"])
            self._load()
        return before

    def apply(self, before, after):
        """Stop what runs before its code goes; write the file; have it read; wait for the code."""
        for state in before["running"]:
            self.dagster.stop(state)
        self._write({self.params["name"]: after["entry"]})
        self.dagster.reload_workspace()
        if after["entry"]:
            self._load()

    def apply_all(self, items):
        """The same, the file written and read once for all."""

        def stop(item) -> None:
            for state in item.before["running"]:
                item.dagster.stop(state)

        self.each(items, stop)
        self._write({item.params["name"]: item.after["entry"] for item in items if not item.item["failed"]})
        self.dagster.reload_workspace()

    def check_all(self, items):
        """Ask those again that are as given, as `wanted` does for one, and wait for the code of all side by side."""
        waiting = [item for item in items if item.params["state"] == "present"]
        # Reading the workspace has asked them all.
        asked = self.applied

        def loaded() -> None:
            nonlocal asked
            for item in waiting:
                item.item |= {"failed": False, "msg": ""}
                item.starting = False
            if not asked:
                self.each(waiting, lambda item: item.client().reload_location(item.params["name"]), side_by_side=True)
            asked = False
            locations = self.dagster.locations()
            self.each(waiting, lambda item: item._look(locations))
            waiting[:] = [item for item in waiting if item.starting]
            if waiting:
                raise CodeServerNotAnswering("some are starting")

        with contextlib.suppress(CodeServerNotAnswering):
            patiently(loaded, self.dagster.timeout, lambda error: isinstance(error, CodeServerNotAnswering))

    def _write(self, entries: dict[str, dict | None]) -> None:
        path = self.params["workspace"]
        try:
            with dagster_workspace.locked(path) as text:
                new = text
                for name, entry in entries.items():
                    new = dagster_workspace.edit(new, name, entry)
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

        def loaded() -> None:
            try:
                self._look(self.dagster.locations())
            except CodeServerNotAnswering:
                if not self.module.check_mode:
                    self.dagster.reload_location(self.params["name"])
                raise

        self.location = None
        patiently(loaded, self.dagster.timeout, lambda error: isinstance(error, CodeServerNotAnswering))

    def _look(self, locations: dict[str, dict]) -> None:
        """Take note of the loaded code. Raises DagsterError if it is not."""
        name, self.location = self.params["name"], None
        location = locations.get(name)
        if location is None:
            raise DagsterError(
                f"the webserver does not list {name} after it read its workspace again: is {self.params['workspace']} "
                "the file that it was started with?"
            )
        self.starting = bool(location["error"]) and not location["reachable"]
        if self.starting:
            place = self.params["socket"] or f"{self.params['host']}:{self.params['port']}"
            raise CodeServerNotAnswering(f"code location {name}: {location['error']}. Is it running at {place}?")
        if location["error"]:
            raise DagsterError(f"code location {name} can't be loaded: {location['error']}")
        self.location = location

    def report(self):
        """What the loaded code defines."""
        location = self.location
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
            "name": {"type": "str"},
            "workspace": {"type": "path", "required": True},
            "socket": {"type": "path"},
            "host": {"type": "str"},
            "port": {"type": "int"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        {
            "required_if": [("state", "present", ("socket", "host"), True)],
            "mutually_exclusive": [("socket", "host"), ("socket", "port")],
            "required_together": [("host", "port")],
        },
    )
    if YAML_ERROR:
        location.module.fail_json(msg="this needs the Python package PyYAML on the host", exception=YAML_ERROR)
    location.run()


if __name__ == "__main__":
    main()
