#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Run a service's units with what is on disk now, and prove it
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Enables the units of a service and restarts them when they run with something else than what is on disk now.
    That is decided by a recorded fingerprint, not by a handler, so an interrupted play restarts later.
  - A unit carries its readiness probe in C(ExecStartPost=), so the restart returns only when the service really answers.
    The fingerprint is recorded after that.
  - Units that are started on demand by something else are proven in the same way and left to it.
  - Or stops and disables them, forgets that they failed, and leaves all else as it is.
attributes:
  check_mode:
    description: Predicts the restart and does nothing.
    support: full
  diff_mode:
    description: Shows the state of each unit before and after, and why it is restarted.
    support: full
options:
  name:
    description: Name of the service, as given to M(foss_data.platform.service_files).
    type: str
  units:
    description: Its systemd units, in the order in which they start. The default is the unit of the same name.
    type: list
    elements: str
  reload:
    description:
      - Units that read their files again when the others are restarted, where they run. They are neither started nor enabled
        here, and one that refuses what is on disk goes on with what it had.
    type: list
    elements: str
    default: []
  inputs:
    description:
      - Registered results that say what the service runs with, each with C(fingerprint) and C(changed),
        such as those of M(foss_data.platform.artifact) and M(foss_data.platform.service_files).
    type: list
    elements: dict
    default: []
  state:
    description:
      - Whether its units run. With V(stopped) those that the host does not know are no fault.
      - With V(on_demand) they are not enabled, and one that has ended well since it was proven is no fault. They are restarted,
        and so proven, when they would run with something else than then.
    type: str
    choices: [started, on_demand, stopped]
    default: started
  hide:
    description:
      - Secrets that the service may print when it fails. They are masked in the end of its journal and in whatever else is said.
    type: list
    elements: str
    default: []
  aggregate:
    description:
      - Several services in one round trip, each with the options above but for O(hide); a few of them start side by side.
        C(results) has what came of each.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Run Trino
  foss_data.platform.service:
    name: trino
    inputs: "{{ [_trino_java, _trino_release, _trino_files] }}"

- name: Prove a code server that sleeps when it has nothing to do
  foss_data.platform.service:
    name: pipeline@sales
    state: on_demand
    inputs: "{{ [_pipeline_release, _pipeline_files] }}"

- name: Run the Hive Metastore no longer
  foss_data.platform.service:
    name: hive_metastore
    units: [hive-metastore]
    state: stopped
"""

RETURN = r"""
reason:
  description: Why the units were started, or would be; empty if nothing was done.
  returned: always
  type: str
  sample: its files or its version changed
was_active:
  description:
    - Whether every unit was running before, or with O(state=on_demand) could have been at any time. In check mode nobody can ask
      a service that is not there yet.
  returned: always
  type: bool
seconds:
  description: How long the restart took until every unit answered.
  returned: when something was started
  type: float
"""

import hashlib
import json
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import each_item, with_aggregate
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord

JOURNAL_LINES = 25
# Of several services. Where all start at once, none is ready sooner, and each takes its memory.
SIDE_BY_SIDE = 2
# A generator enables PostgreSQL's clusters at each boot: `enabled-runtime`.
ENABLED = ("enabled", "enabled-runtime", "static")


def fingerprint(inputs: list[dict]) -> str:
    """Hex sha256 over the fingerprints of ``inputs``."""
    return hashlib.sha256(json.dumps([str(i.get("fingerprint", "")) for i in inputs]).encode()).hexdigest()


def parse_show(text: str) -> list[dict]:
    """The blocks of ``systemctl show`` for several units, as dicts."""
    return [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in text.strip().split("\n\n")
        if block.strip()
    ]


def reason_to_start(states: list[dict], recorded: str | None, wanted: str, changed: bool, resting: tuple[str, ...] = ()) -> str:
    """Why a (re)start is due, in words; empty if none is. A unit in a state of ``resting`` is as it should be, too."""
    if changed:
        return "its files or its version changed"
    down = [s.get("Id", "?") for s in states if s.get("ActiveState") not in ("active", *resting)]
    if down:
        return f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} not running"
    if recorded is None:
        return "what it was started with is not known (a play was interrupted, or its files changed)"
    if recorded != wanted:
        return "it runs with another version or configuration than the one on disk"
    return ""


def lines_of(units: list[str], states: list[dict]) -> str:
    """The units' states, a line each."""
    return "".join(
        f"{u}: {s.get('ActiveState')}, {s.get('UnitFileState') or 'absent'}\n" for u, s in zip(units, states, strict=False)
    )


def stop(module: AnsibleModule, units: list[str], states: list[dict], record: StartedRecord) -> None:
    """Stop and disable the units that there are, leave the module."""
    running = [u for u, s in zip(units, states, strict=False) if s.get("ActiveState") != "inactive"]
    enabled = [u for u, s in zip(units, states, strict=False) if s.get("UnitFileState") == "enabled"]
    after = [
        s | ({"ActiveState": "inactive"} if u in running else {}) | ({"UnitFileState": "disabled"} if u in enabled else {})
        for u, s in zip(units, states, strict=False)
    ]
    if not module.check_mode:
        record.forget()
        for verb, chosen in (("disable", enabled), ("stop", running)):
            if chosen:
                module.run_command(["systemctl", verb, "--quiet", *chosen], check_rc=True)
        if running:
            # Nobody looks for the cause of what is not wanted any more. systemd may not know them by now.
            module.run_command(["systemctl", "reset-failed", *running])
    module.exit_json(
        changed=bool(running or enabled),
        reason="",
        was_active=not [s for s in states if s.get("ActiveState") != "active"],
        diff={"before": lines_of(units, states), "after": lines_of(units, after)},
    )


OPTIONS = {
    "name": {"type": "str", "required": True},
    "units": {"type": "list", "elements": "str"},
    "reload": {"type": "list", "elements": "str", "default": []},
    "inputs": {"type": "list", "elements": "dict", "default": []},
    "state": {"type": "str", "choices": ["started", "on_demand", "stopped"], "default": "started"},
}


def slices_of(module: AnsibleModule, states: list[dict]) -> list[dict]:
    """The slices that the units run in, of which systemd may know older files as well."""
    slices = sorted({s["Slice"] for s in states if s.get("Slice")})
    shown = ["systemctl", "show", "--property=Id,LoadState,NeedDaemonReload,FragmentPath", *slices]
    return parse_show(module.run_command(shown, check_rc=True)[1]) if slices else []


def reload(module: AnsibleModule, units: list[str]) -> None:
    """Those that run read their files again; leaves the module with the end of its journal if one refuses them."""
    for unit in units:
        if module.run_command(["systemctl", "is-active", "--quiet", unit])[0]:
            continue
        rc, _out, err = module.run_command(["systemctl", "reload", unit])
        if rc:
            shown = ["journalctl", "--no-pager", "--output=cat", f"--lines={JOURNAL_LINES}", f"--unit={unit}"]
            module.fail_json(
                msg=f"{unit} refuses what is on disk and goes on with what it had: {' '.join(err.split())} "
                f"The end of its journal is below; mend the cause and run the play again.",
                journal=module.run_command(shown)[1].splitlines(),
                unit=unit,
            )


def restart(module: AnsibleModule, units: list[str]) -> None:
    """Restart them in turn, each until it answers; leaves the module with the end of its journal if one does not."""
    # A unit that gave up earlier starts with a clean slate.
    module.run_command(["systemctl", "reset-failed", *units])
    for unit in units:
        rc, _out, err = module.run_command(["systemctl", "restart", unit])
        if not rc:
            continue
        # What it pulls in may be what failed.
        shown = ["systemctl", "show", "--property=Requires", "--property=Wants", "--value", unit]
        pulled_in = module.run_command(shown)[1].split()
        suspects = [f"--unit={u}" for u in [unit, *pulled_in] if u.endswith(".service")]
        journal = module.run_command(["journalctl", "--no-pager", "--output=cat", f"--lines={JOURNAL_LINES}", *suspects])[1]
        module.fail_json(
            msg=f"{unit} did not become ready: {err.strip().splitlines()[0] if err.strip() else 'it stopped'} "
            f"The end of its journal is below; mend the cause and run the play again, it restarts by itself.",
            journal=journal.splitlines(),
            unit=unit,
        )


def run(module: AnsibleModule) -> None:
    """One service; leaves the module."""
    name = module.params["name"]
    units = [u if "." in u else f"{u}.service" for u in module.params["units"] or [name]]
    record = StartedRecord(name)
    wanted = fingerprint(module.params["inputs"])

    rc, out, err = module.run_command(
        ["systemctl", "show", "--property=Id,LoadState,ActiveState,Slice,SubState,UnitFileState,NeedDaemonReload", *units]
    )
    if rc:
        module.fail_json(msg=f"systemd does not answer: {err.strip()}. Is it PID 1 on this host?")
    states = parse_show(out)
    if module.params["state"] == "stopped":
        stop(module, units, states, record)
    on_demand = module.params["state"] == "on_demand"
    # How systemd brings them back at a boot, and which are not as they should be in that.
    verb, kept = ("disable", ("disabled", "static", "")) if on_demand else ("enable", ENABLED)
    turned = [u for u, s in zip(units, states, strict=False) if s.get("UnitFileState") not in kept]
    # On its way up or down it is awake, or about to sleep.
    resting = ("inactive", "activating", "deactivating") if on_demand else ()
    recorded = record.read()
    reason = reason_to_start(states, recorded, wanted, any(i.get("changed") for i in module.params["inputs"]), resting)
    there = ("active", *resting) if recorded else ("active",)
    result = {
        "changed": bool(turned or reason),
        "reason": reason,
        "was_active": all(s.get("ActiveState") in there for s in states),
        "diff": {"before": "", "after": ""},
    }
    if result["changed"]:
        why = f" ({reason})" if reason else ""
        after = [
            f"{'proven' if reason else s.get('ActiveState')}, on demand{why}" if on_demand else f"active, enabled{why}"
            for s in states
        ]
        result["diff"] = {
            "before": lines_of(units, states),
            "after": "".join(f"{u}: {text}\n" for u, text in zip(units, after, strict=False)),
        }
    if module.check_mode or not result["changed"]:
        module.exit_json(**result)

    began = time.monotonic()
    if reason:
        record.forget()
    # Unit files that systemd has not read yet would be started as they were. Reading takes a while where there are many: for one
    # of many it is done only where there is something new.
    known = [*states, *slices_of(module, states)] if on_demand else states
    # A slice that outlived its file is there without one, and of a new file systemd says nothing.
    unread = [
        s for s in known if s.get("NeedDaemonReload") == "yes" or s.get("LoadState") != "loaded" or s.get("FragmentPath") == ""
    ]
    if unread or (reason and not on_demand):
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)
    if turned:
        module.run_command(["systemctl", verb, "--quiet", *turned], check_rc=True)
    if reason:
        restart(module, units)
        reload(module, module.params["reload"])
        record.write(wanted)
        result["seconds"] = round(time.monotonic() - began, 2)
    module.exit_json(**result)


def main() -> None:
    """Entry point of the module."""
    # That it is one of Ansible's secrets is all that it is for: Ansible masks it in whatever a module says.
    hide = {"type": "list", "elements": "str", "default": [], "no_log": True}
    module = AnsibleModule(
        argument_spec=with_aggregate(OPTIONS) | {"hide": hide},
        required_one_of=[("name", "aggregate")],
        mutually_exclusive=[("name", "aggregate")],
        supports_check_mode=True,
    )
    each_item(module, OPTIONS, "name", run, SIDE_BY_SIDE)


if __name__ == "__main__":
    main()
