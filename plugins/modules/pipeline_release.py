#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: pipeline_release
short_description: Install a release of a pipeline beside the running one, and switch if it loads
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Unpacks a pipeline's repository into C(PATH/releases/ID), where the id is a sum over its content, and prepares it there as
    the pipeline's own user. Only a release that loads is made read-only and switched to, as C(PATH/current).
  - A release that does not load is removed again, its fault is reported, and the one before stays current.
attributes:
  check_mode:
    description: Says whether there would be a new release and ships nothing; whether it would load is not known.
    support: full
  diff_mode:
    description: Shows the release before and after.
    support: full
options:
  source:
    description: The pipeline's repository, a folder on the control side. What git ignores is left out.
    type: path
    required: true
  path:
    description: Where the pipeline lies on the host.
    type: path
    required: true
  user:
    description: The user that prepares it.
    type: str
    required: true
  python:
    description: Interpreter of the pipeline's environment.
    type: path
    required: true
  command:
    description: Arguments of the interpreter that prepare a release, run in its folder.
    type: list
    elements: str
    default: [-m, pipeline_shared.prepare]
  python_path:
    description: Folders in a release that Python imports from.
    type: list
    elements: str
    default: [.]
  environment:
    description: Environment variables that it is prepared with. No secrets; it has to load without any service.
    type: dict
    default: {}
  timeout:
    description: Seconds that preparing may take.
    type: int
    default: 300
  keep:
    description: How many releases stay, the current one among them.
    type: int
    default: 5
  release:
    description: Used internally; the id of the content.
    type: str
  bundle:
    description: Used internally; what was shipped.
    type: path
"""

EXAMPLES = r"""
- name: Install the release
  foss_data.platform.pipeline_release:
    source: /home/me/sales
    path: /srv/pipelines/sales
    user: pl-sales
    python: /opt/pipeline-envs/4f2a/bin/python
  register: release
"""

RETURN = r"""
path:
  description: Folder of the release.
  returned: always
  type: str
  sample: /srv/pipelines/sales/releases/0d9e4c2ab71f
release:
  description: Its id.
  returned: always
  type: str
previous:
  description: Id of the release that was current before; empty if there was none.
  returned: always
  type: str
seconds:
  description: How long preparing took.
  returned: when a release was installed
  type: float
fingerprint:
  description: Changes whenever the release changes, for M(foss_data.platform.service).
  returned: always
  type: str
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive

READY = ".ready"  # written last: without it a folder is what an interrupted play left
LAST_LINES = 12


def own(folder: str, uid: int, gid: int, directory_mode: int, drop: int) -> None:
    """Give all of ``folder`` to a user; files lose the permission bits ``drop``."""
    for parent, _folders, names in os.walk(folder):
        os.chown(parent, uid, gid)
        os.chmod(parent, directory_mode)
        for name in names:
            path = os.path.join(parent, name)
            os.chown(path, uid, gid, follow_symlinks=False)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode & ~drop & 0o7777)


def to_remove(releases: dict[str, float], current: str, keep: int) -> list[str]:
    """Ids of the releases (id -> time it was made) that are too many; the current one always stays."""
    others = sorted((r for r in releases if r != current), key=lambda r: releases[r], reverse=True)
    return others[max(keep - 1, 0) :]


def prepare(module: AnsibleModule, folder: str) -> float:
    """Run the pipeline's own preparation as its user. Returns seconds; raises RuntimeError with the last lines it said."""
    p = module.params
    user = pwd.getpwnam(p["user"])
    environment = {
        "PATH": os.path.dirname(p["python"]) + ":/usr/local/bin:/usr/bin:/bin",
        "HOME": user.pw_dir,
        "LANG": "C.UTF-8",
        "PYTHONPATH": ":".join(os.path.normpath(os.path.join(folder, part)) for part in p["python_path"]),
        **{name: str(value) for name, value in p["environment"].items()},
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [p["python"], *p["command"]],
        cwd=folder,
        env=environment,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        umask=0o027,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        output = process.communicate(timeout=p["timeout"])[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise RuntimeError(f"it took more than {p['timeout']} s and was stopped") from None
    if process.returncode:
        lines = [line for line in output.splitlines() if line.strip()][-LAST_LINES:]
        raise RuntimeError(" | ".join(lines) or f"it ended with {process.returncode} and said nothing")
    return time.monotonic() - began


def install(module: AnsibleModule, folder: str) -> float:
    """Unpack, prepare, make read-only, mark. Leaves the module if the release does not load; then nothing of it stays."""
    p = module.params
    user = pwd.getpwnam(p["user"])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        module.run_command(["tar", "-xf", p["bundle"], "-C", folder, "--no-same-owner"], check_rc=True)
        own(folder, user.pw_uid, user.pw_gid, 0o750, 0)
        seconds = prepare(module, folder)
        # Code that a running process could change would not be the code that was deployed. Root's own right to write stays:
        # what a process copies from here, with its mode, it can change.
        own(folder, 0, user.pw_gid, 0o750, 0o022)
        with open(os.path.join(folder, READY), "w", encoding="ascii") as marker:
            marker.write(p["release"] + "\n")
    except (OSError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        module.fail_json(msg=f"the release {p['release']} does not load, the one before stays: {error}")
    return seconds


def release(module: AnsibleModule) -> None:
    """Install the release if it is not there, switch to it, leave."""
    p = module.params
    releases, current = os.path.join(p["path"], "releases"), os.path.join(p["path"], "current")
    folder = os.path.join(releases, p["release"])
    there = os.path.exists(os.path.join(folder, READY))
    previous = os.path.basename(os.readlink(current)) if os.path.islink(current) else ""
    result = {
        "changed": not there or previous != p["release"],
        "path": folder,
        "release": p["release"],
        "previous": previous,
        "fingerprint": p["release"],
        "diff": {"before": f"{p['path']}: {previous or 'absent'}\n", "after": f"{p['path']}: {p['release']}\n"},
    }
    if module.check_mode or not result["changed"]:
        module.exit_json(**result)
    if not there and not p["bundle"]:
        module.exit_json(missing=True, **result)
    if not there:
        result["seconds"] = round(install(module, folder), 2)
    partial = f"{current}.partial"
    if os.path.lexists(partial):
        os.unlink(partial)
    os.symlink(os.path.join("releases", p["release"]), partial)
    os.rename(partial, current)
    made = {name: os.stat(os.path.join(releases, name)).st_mtime for name in os.listdir(releases)}
    for name in to_remove(made, p["release"], p["keep"]):
        shutil.rmtree(os.path.join(releases, name), ignore_errors=True)
    module.exit_json(**result)


def main() -> None:
    """Entry point of the module."""
    # A service's user has to pass through the folders made here, whatever umask root has on this host.
    os.umask(0o022)
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "path": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "python": {"type": "path", "required": True},
            "command": {"type": "list", "elements": "str", "default": ["-m", "pipeline_shared.prepare"]},
            "python_path": {"type": "list", "elements": "str", "default": ["."]},
            "environment": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 300},
            "keep": {"type": "int", "default": 5},
            "release": {"type": "str"},
            "bundle": {"type": "path"},
        },
        supports_check_mode=True,
    )
    with contextlib.nullcontext() if module.check_mode else exclusive(module.params["path"]):
        release(module)


if __name__ == "__main__":
    main()
