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
  - With O(state=before), puts back the files as they were when a release last proved itself. It is M(foss_data.platform.service)
    that runs it again, with what this returns.
attributes:
  check_mode:
    description: Predicts the switch and does nothing.
    support: full
  diff_mode:
    description: Shows the current release before and after.
    support: full
options:
  path:
    description: Where the pipeline lies on the host.
    type: path
    required: true
  service:
    description: Name of its service, as given to M(foss_data.platform.service).
    type: str
    required: true
  files:
    description: What its service runs with, and what names the release.
    type: list
    elements: path
    required: true
  record:
    description: File that keeps them, with what is secret in them. Its folder has to be root's alone.
    type: path
    required: true
  state:
    description: Whether the release has proven itself, or the one before is wanted again.
    type: str
    choices: [proven, before]
    default: proven
  release:
    description: Id of the release. Needed for V(proven).
    type: str
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
"""

EXAMPLES = r"""
- name: Make the release the current one
  foss_data.platform.pipeline_current:
    path: /srv/pipelines/sales
    service: pipeline@sales
    files: [/etc/pipelines/sales/env, /etc/systemd/system/pipeline@sales.service]
    record: /etc/pipelines/sales/proven.json
    release: "{{ release.release }}"
    inputs: "{{ [release, files] }}"
    environments: /opt/pipeline-envs
"""

RETURN = r"""
release:
  description: Id of the release that is the current one now; empty if there is none.
  returned: always
  type: str
removed:
  description: Releases and environments that were removed.
  returned: when a release became the current one
  type: list
  elements: str
restored:
  description: The files that were put back.
  returned: with O(state=before)
  type: list
  elements: str
inputs:
  description: What the service of the release before was given as its inputs.
  returned: with O(state=before), if there is one
  type: list
  elements: dict
"""

import contextlib
import json
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.current import current, switch
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive
from ansible_collections.foss_data.platform.plugins.module_utils.releases import in_use, remove_environments, to_remove
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord


def read(path: str) -> dict | None:
    """Content and mode of a file; None if there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return {"content": handle.read(), "mode": os.fstat(handle.fileno()).st_mode & 0o777}
    except FileNotFoundError:
        return None


def write(path: str, content: str, mode: int) -> None:
    """The file, whole or not at all."""
    handle, partial = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(content)
        os.chmod(partial, mode)
        os.rename(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def prune(path: str, needed: set[str], keep: int) -> list[str]:
    """Remove releases that are too many. Returns their folders."""
    releases = os.path.join(path, "releases")
    made = {name: os.stat(os.path.join(releases, name)).st_mtime for name in os.listdir(releases)}
    removed = [os.path.join(releases, name) for name in to_remove(made, needed | in_use(path), keep)]
    for folder in removed:
        # What can't be removed now is too many again after the next switch; the one that was made stands.
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def proven(module: AnsibleModule) -> None:
    """Switch, remember, prune, leave."""
    p = module.params
    before = current(p["path"])
    result = {
        "changed": before != p["release"],
        "release": p["release"],
        "diff": {"before": f"{p['path']}: {before or 'none'}\n", "after": f"{p['path']}: {p['release']}\n"},
    }
    if module.check_mode:
        module.exit_json(**result)
    # Also when only a setting of the site changed.
    memory = {
        "release": p["release"],
        "inputs": [str(given.get("fingerprint", "")) for given in p["inputs"]],
        "files": {path: read(path) for path in p["files"]},
    }
    text = json.dumps(memory, indent=1) + "\n"
    if (read(p["record"]) or {}).get("content") != text:
        write(p["record"], text, 0o600)
    if result["changed"]:
        switch(p["path"], os.path.join("releases", p["release"]))
        result["removed"] = prune(p["path"], {p["release"], before}, p["keep"])
        if p["environments"]:
            result["removed"] += remove_environments(p["environments"], os.path.dirname(p["path"]))
    module.exit_json(**result)


def go_back(module: AnsibleModule) -> None:
    """Put back the files that differ, leave."""
    p = module.params
    remembered = read(p["record"])
    memory = json.loads(remembered["content"]) if remembered else {"release": "", "inputs": [], "files": {}}
    other = {path: file for path, file in memory["files"].items() if file and file != read(path)}
    result = {
        "changed": bool(other),
        "release": memory["release"],
        "restored": sorted(other),
        "inputs": [{"fingerprint": fingerprint, "changed": bool(other)} for fingerprint in memory["inputs"]],
        "diff": {"before": "", "after": "".join(f"{path}: as of {memory['release']}\n" for path in other)},
    }
    if not module.check_mode:
        if other:
            # First forget, then change: see service_files.
            StartedRecord(p["service"]).forget()
        for path, file in other.items():
            write(path, file["content"], file["mode"])
    module.exit_json(**result)


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "service": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
            "record": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["proven", "before"], "default": "proven"},
            "release": {"type": "str"},
            "inputs": {"type": "list", "elements": "dict", "default": []},
            "keep": {"type": "int", "default": 5},
            "environments": {"type": "path"},
        },
        required_if=[("state", "proven", ("release", "inputs"))],
        supports_check_mode=True,
    )
    with contextlib.nullcontext() if module.check_mode else exclusive(module.params["path"]):
        (proven if module.params["state"] == "proven" else go_back)(module)


if __name__ == "__main__":
    main()
