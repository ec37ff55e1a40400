#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: pipeline_current
short_description: Make a release of a pipeline the current one when it has proven itself, or go back to the one that has
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - With O(state=proven), points C(PATH/current) to the release, remembers the files that its service runs with, and removes
    releases that are too many. The one that was current before stays, and so does each that a process still runs with.
  - After that switch, what is in O(environments) and is none that a release points to is removed, unless it was handed out within
    a day (a deploy under way may be about to use it).
  - With O(state=before), puts back the files as they were when the current release last proved itself. It is
    M(foss_data.platform.service) that runs it again, with what this returns. Where there is no current release, the files go.
  - With O(state=earlier), puts the files in place with which the release deployed before the current one proved itself, and no
    more; when its service runs with them, O(state=proven) makes it the current one.
  - Where the files name a release that is neither O(release) nor the current one, another deploy has taken over, and all is left
    as it is.
attributes:
  check_mode:
    description: Predicts the switch and does nothing.
    support: full
  diff_mode:
    description: Shows the current release before and after.
    support: full
options:
  path:
    description: Where the pipeline lies on the host. Needed, as are O(service), O(files) and O(records).
    type: path
  service:
    description: Name of its service, as given to M(foss_data.platform.service).
    type: str
  files:
    description: What its service runs with, and what names the release.
    type: list
    elements: path
  records:
    description:
      - Folder that keeps them, a file for each release, as they were, readable by root alone.
      - What is kept of a release goes with it.
    type: path
  manifest:
    description:
      - The one of O(files) that has the pipeline's manifest, JSON with the key C(manifest). Then what others may read of a
        release that is gone back to is returned, too.
    type: path
  state:
    description:
      - Whether the release has proven itself, whether the current one is wanted again after another did not, or whether an
        earlier one is wanted.
    type: str
    choices: [proven, before, earlier]
    default: proven
  release:
    description:
      - Id of the release. Needed for V(proven).
      - For V(before) the one that did not prove itself. For V(earlier) the one that is wanted; by default the one deployed
        before the current one.
    type: str
  rollback:
    description: Whether the release was gone back to. Then it keeps its place among those deployed, so that the next one further
      back is an earlier one still.
    type: bool
    default: false
  inputs:
    description: What the service was given as its inputs. Needed for V(proven).
    type: list
    elements: dict
    default: []
  keep:
    description: How many releases stay, those that are needed among them.
    type: int
    default: 5
  environments:
    description:
      - Folder of the environments of all pipelines whose folders are beside O(path). If not given, none is removed; neither while
        a release there does not say which is its own.
    type: path
  aggregate:
    description: Several pipelines in one round trip, each with the options above. C(results) has what came of each.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Make the release the current one
  foss_data.platform.pipeline_current:
    path: /srv/pipelines/sales
    service: pipeline@sales
    files: [/etc/pipelines/sales/env, /etc/systemd/system/pipeline@sales.service]
    records: /etc/pipelines/sales/proven
    release: "{{ release.release }}"
    inputs: "{{ [release, files] }}"
    environments: /opt/pipeline-envs

- name: Put the release before in place
  foss_data.platform.pipeline_current:
    path: /srv/pipelines/sales
    service: pipeline@sales
    files: [/etc/pipelines/sales/env, /etc/systemd/system/pipeline@sales.service]
    records: /etc/pipelines/sales/proven
    state: earlier
"""

RETURN = r"""
release:
  description: Id of the release that is the current one now, or whose files are in place; empty if there is none.
  returned: always
  type: str
removed:
  description: Releases and environments that were removed.
  returned: when a release became the current one
  type: list
  elements: str
previous:
  description: Id of the current release; empty if there is none.
  returned: with O(state=before) and O(state=earlier)
  type: str
restored:
  description: The files that were put back, or removed where the release had none.
  returned: with O(state=before) and O(state=earlier)
  type: list
  elements: str
manifest:
  description: The manifest of the release that is gone back to.
  returned: with O(manifest), if there is such a release
  type: dict
masks:
  description: What others see of it, as RV(foss_data.platform.pipeline_release#module:masks), later releases counted as well.
  returned: with O(manifest), if there is such a release
  type: dict
taken_over:
  description: Id of the release of another deploy, whose files were left as they are; empty if there is none.
  returned: always
  type: str
inputs:
  description: What the service of that release was given as its inputs.
  returned: with O(state=before) and O(state=earlier), if there is one
  type: list
  elements: dict
"""

import contextlib
import json
import os
import re
import shutil
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import each_item, with_aggregate
from ansible_collections.foss_data.platform.plugins.module_utils.current import current, switch
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive
from ansible_collections.foss_data.platform.plugins.module_utils.releases import (
    Records,
    in_use,
    masks,
    read,
    remove_environments,
    to_remove,
    usable,
    write,
)
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord


def other_deploy(p: dict, *own: str) -> str:
    """Id of a release that the files name and that is none of ``own``; empty if there is none."""
    named = re.compile(re.escape(f"{p['path']}/releases/") + r"([^/:\s\"']+)")
    found = {release for path in p["files"] for release in named.findall((read(path) or {"content": ""})["content"])}
    return next(iter(sorted(found - set(own))), "") if not found & set(own) else ""


def prune(path: str, needed: set[str], keep: int) -> list[str]:
    """Remove releases that are too many. Returns their folders."""
    releases = os.path.join(path, "releases")
    made = {name: os.stat(os.path.join(releases, name)).st_mtime for name in os.listdir(releases)}
    removed = [os.path.join(releases, name) for name in to_remove(made, needed | in_use(path), keep)]
    for folder in removed:
        # What can't be removed now is too many again after the next switch; the one that was made stands.
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def proven(module: AnsibleModule, records: Records) -> None:
    """Switch, remember, prune, leave."""
    p = module.params
    before = current(p["path"])
    result = {
        "changed": before != p["release"],
        "release": p["release"],
        "taken_over": "",
        "diff": {"before": f"{p['path']}: {before or 'none'}\n", "after": f"{p['path']}: {p['release']}\n"},
    }
    if module.check_mode:
        module.exit_json(**result)
    if other := other_deploy(p, p["release"]):
        name = os.path.basename(p["path"])
        module.fail_json(
            msg=f"another deploy of {name} took it over: it runs the release {other} now, whose own play says what comes of it",
            taken_over=other,
        )
    # Also when only a setting of the site changed.
    known = records.get(p["release"])
    kept = known["deployed"] and (p["rollback"] or not result["changed"])
    records.put(
        {
            "release": p["release"],
            "deployed": known["deployed"] if kept else time.time(),
            "inputs": [str(given.get("fingerprint", "")) for given in p["inputs"]],
            "files": {path: read(path) for path in p["files"]},
        }
    )
    if result["changed"]:
        switch(p["path"], os.path.join("releases", p["release"]))
        result["removed"] = prune(p["path"], {p["release"], before}, p["keep"])
        records.forget(set(records.releases()) - set(os.listdir(os.path.join(p["path"], "releases"))))
        if p["environments"]:
            result["removed"] += remove_environments(p["environments"], os.path.dirname(p["path"]))
    module.exit_json(**result)


def put_back(module: AnsibleModule, record: dict, other: str = "") -> None:
    """Put the files in place with which a release proved itself, as far as they differ, leave."""
    p = module.params
    differing = {path: file for path, file in record["files"].items() if file != read(path)} if not other else {}
    result = {
        "changed": bool(differing),
        "release": record["release"],
        "previous": current(p["path"]),
        "taken_over": other,
        "restored": sorted(differing),
        "inputs": [{"fingerprint": fingerprint, "changed": bool(differing)} for fingerprint in record["inputs"]],
        "diff": {"before": "", "after": "".join(f"{path}: as of {record['release'] or 'no release'}\n" for path in differing)},
    }
    if not module.check_mode:
        if differing:
            # First forget, then change: see service_files.
            StartedRecord(p["service"]).forget()
        for path, file in differing.items():
            write(path, file["content"], file["mode"]) if file else os.unlink(path)
    if p["manifest"] and record["release"]:
        result["manifest"] = json.loads(record["files"][p["manifest"]]["content"])["manifest"]
        try:
            result["masks"] = masks(os.path.join(p["path"], "releases", record["release"]), result["manifest"])
        except ValueError as error:
            # It runs all the same. A table that is not named is not seen.
            result["masks"] = {}
            module.warn(f"nobody else reads what {os.path.basename(p['path'])} publishes: {error}")
    module.exit_json(**result)


def before(module: AnsibleModule, records: Records) -> None:
    """The current release once more, or none as before the first, unless another deploy is under way."""
    p = module.params
    now = current(p["path"])
    record = records.get(now)
    if not now:
        record["files"] = dict.fromkeys(p["files"])
    own = {record["release"], p["release"]} - {"", None}
    put_back(module, record, other_deploy(p, *own) if p["release"] else "")


def earlier(module: AnsibleModule, records: Records) -> None:
    """The release before the current one, or the one that is asked for."""
    p = module.params
    name, now = os.path.basename(p["path"]), current(p["path"])
    known = records.releases()
    there = [release for release in known if release != now and usable(p["path"], release)]
    if p["release"]:
        wanted = [release for release in there if release == p["release"]]
        if not wanted:
            has = ", ".join(there) or "none beside the current one"
            module.fail_json(msg=f"{name} has no release {p['release']} that it could go back to; it has {has}")
    else:
        deployed = records.get(now)["deployed"]
        wanted = [release for release in there if records.get(release)["deployed"] < deployed]
        if not wanted:
            module.fail_json(
                msg=f"{name} has no earlier release on the host than {now or 'none'}: nothing was changed. "
                "Deploy the commit that you want from its repository"
            )
    put_back(module, records.get(wanted[0]))


OPTIONS = {
    "path": {"type": "path", "required": True},
    "service": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "path", "required": True},
    "records": {"type": "path", "required": True},
    "manifest": {"type": "path"},
    "state": {"type": "str", "choices": ["proven", "before", "earlier"], "default": "proven"},
    "release": {"type": "str"},
    "rollback": {"type": "bool", "default": False},
    "inputs": {"type": "list", "elements": "dict", "default": []},
    "keep": {"type": "int", "default": 5},
    "environments": {"type": "path"},
}


def run(module: AnsibleModule) -> None:
    """One pipeline; leaves the module."""
    p = module.params
    if p["state"] == "proven" and not p["release"]:
        module.fail_json(msg="with the state proven the release is needed")
    with contextlib.nullcontext() if module.check_mode else exclusive(p["path"]):
        {"proven": proven, "before": before, "earlier": earlier}[p["state"]](module, Records(p["records"]))


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec=with_aggregate(OPTIONS),
        required_one_of=[("path", "aggregate")],
        mutually_exclusive=[("path", "aggregate")],
        supports_check_mode=True,
    )
    each_item(module, OPTIONS, "path", run)


if __name__ == "__main__":
    main()
