#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: pipeline_release
short_description: Install a release of a pipeline beside the running one
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Unpacks a pipeline's repository into C(PATH/releases/ID), where the id is a sum over its content, and prepares it there as
    the pipeline's own user, in a transient unit without network, of which nothing goes on running. Then it is made read-only.
  - A release that does not load is removed again, and its fault is reported.
  - Each release points to its environment, as C(.environment), so that it stays.
  - M(foss_data.platform.pipeline_current) makes it the current one, when it is known to run.
attributes:
  check_mode:
    description: Says whether there would be a new release and ships nothing; whether it would load is not known.
    support: full
  diff_mode:
    description: Shows the release before and after.
    support: full
options:
  source:
    description:
      - The pipeline's files, a folder on the control side, as the lookup P(foss_data.platform.pipelines#lookup) gives it.
      - Of a repository what git ignores is left out. Of a commit that was fetched all files count, and its id is the release's.
    type: path
  path:
    description: Where the pipeline lies on the host. Needed, as are O(source), O(user) and O(python).
    type: path
  user:
    description: The user that prepares it.
    type: str
  python:
    description: Interpreter of the pipeline's environment.
    type: path
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
  properties:
    description:
      - Properties of the unit that it is prepared in, C(NAME=VALUE) as in a unit file; the sandbox, above all.
      - Its user, folder, time and end are the module's.
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables that it is prepared with. No secrets; it has to load without any service.
    type: dict
    default: {}
  timeout:
    description: Seconds that preparing may take.
    type: int
    default: 300
  manifest:
    description: The pipeline's manifest. What it has to say of its data is held against it and what C(dbt parse) found.
    type: dict
  answers:
    description:
      - Where what the preparation recorded in C(.answers) goes, for the porter that answers for a code server that sleeps (see
        the role C(pipeline_host)). Without it nothing is taken from there.
    type: dict
    suboptions:
      state:
        description: The porter's folder.
        type: path
        required: true
      name:
        description: Name of the pipeline.
        type: str
        required: true
      code:
        description: What its code server has as C(--fixed-server-id).
        type: str
        required: true
      owner:
        description: The porter's user.
        type: str
        required: true
  release:
    description: The id that the content has to have; one that was edited meanwhile is refused. The default is whatever it has.
    type: str
  bundle:
    description: Used internally; what was shipped.
    type: path
  aggregate:
    description:
      - Several pipelines, each with the options above, that are asked in one round trip for their O(release). Nothing is
        installed. C(results) has what is known of each.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Install the release
  foss_data.platform.pipeline_release:
    source: /home/me/sales
    path: /srv/pipelines/sales
    user: pl-sales
    python: /opt/pipeline-envs/4f2a/bin/python
    manifest: "{{ lookup('ansible.builtin.file', '/home/me/sales/pipeline.yml') | from_yaml }}"
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
  description: Id of the current release; empty if there is none.
  returned: always
  type: str
seconds:
  description: How long preparing took.
  returned: when a release was installed
  type: float
masks:
  description:
    - What others see of the published schemas that hold data about persons, by schema, table and column. A column that is not
      named is seen as it is, a table that is not named is not seen.
    - What a release masks that is still on the host stays masked, unless this one names the column without a mask.
    - In check mode those of the releases that are there.
  returned: with O(manifest), and if only asked for, of a release that is there
  type: dict
  sample: {marts: {customers: {phone: hash, born: empty}, daily_totals: {}}}
missing:
  description: Whether the release is not there yet.
  returned: always
  type: bool
fingerprint:
  description: Changes whenever the release changes, for M(foss_data.platform.service).
  returned: always
  type: str
"""

import contextlib
import os
import pwd
import re
import shutil
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import each_item, with_aggregate
from ansible_collections.foss_data.platform.plugins.module_utils.current import current
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive
from ansible_collections.foss_data.platform.plugins.module_utils.governance import release_faults
from ansible_collections.foss_data.platform.plugins.module_utils.judging import judged
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_answers import hand_over
from ansible_collections.foss_data.platform.plugins.module_utils.releases import ENVIRONMENT, READY, is_ready, masks

LAST_LINES = 12
LONGEST = 20_000  # bytes that a pipeline may have to say, and characters of what is said of a release that does not load
ENDS = {
    "timeout": "it took more than {timeout} s and was stopped: deploy it again when the host has less to do",
    "oom-kill": "it needed more memory than `memory_mb` of its pipeline.yml allows",
    # Not by its own limit, which is told as the one above.
    "signal": "it was killed, as is done first where all pipelines together need more memory than they have: deploy it again",
}


def own(folder: str, uid: int, gid: int, drop: int) -> None:
    """Give all of ``folder`` to a user, itself last; files lose the permission bits ``drop``. Raises RuntimeError.

    Through open folders, and never through a link: the pipeline's code has been at work in there, and this is root.
    """
    for _path, folders, names, at in os.fwalk(folder, topdown=False):
        for name in [*folders, *names]:
            kind = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                continue
            if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
                raise RuntimeError(f"it left {name}, which is neither a file nor a folder nor a link")
            os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(kind):
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
                try:
                    os.fchmod(file, os.fstat(file).st_mode & 0o777 & ~drop)
                finally:
                    os.close(file)
        os.fchown(at, uid, gid)
        os.fchmod(at, 0o750)


def point(folder: str, python: str) -> None:
    """Let the release say which environment is its own."""
    link = os.path.join(folder, ENVIRONMENT)
    if not os.path.lexists(link):
        os.symlink(os.path.dirname(os.path.dirname(python)), link)


def mark_ready(folder: str, release: str) -> None:
    """Write the mark, and never where something of that name leads."""
    with open(
        os.open(os.path.join(folder, READY), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w", encoding="ascii"
    ) as marker:
        marker.write(release + "\n")


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
    properties = [
        "UMask=0027",
        *p["properties"],
        f"User={user.pw_name}",
        f"Group={user.pw_gid}",
        f"WorkingDirectory={folder}",
        f"ReadWritePaths={folder}",
        # It has to load without any service.
        "PrivateNetwork=yes",
        f"RuntimeMaxSec={p['timeout']}",
        "Restart=no",
        # Nothing that it started outlives it: the folder is root's from then on.
        "KillMode=control-group",
        "KillSignal=SIGKILL",
    ]
    unit = f"pipeline-prepare-{os.path.basename(p['path'])}.service"
    # One that a killed module left.
    module.run_command(["systemctl", "stop", unit])
    began = time.monotonic()
    rc, out, err = module.run_command(
        [
            # Only the end of what it says: how much that is, is the pipeline's to decide, and the memory root's.
            *("/bin/bash", "-c", f'set -o pipefail; "$@" | tail --bytes={LONGEST}', "bash"),
            *("systemd-run", f"--unit={unit}", "--service-type=exec", "--wait", "--pipe", "--collect"),
            *(f"--property={text}" for text in properties),
            *(f"--setenv={name}={value}" for name, value in environment.items()),
            # What systemd-run says itself is told apart from what the pipeline says. It has no input.
            *("--", "/bin/sh", "-c", 'exec "$0" "$@" 2>&1 </dev/null', p["python"], *p["command"]),
        ],
        errors="replace",
        # A setting may well contain a `$`.
        expand_user_and_vars=False,
    )
    if rc:
        end = re.search(r"^Finished with result: (.*)", err, re.MULTILINE)
        lines = [line for line in (out if end else err).splitlines() if line.strip()][-LAST_LINES:]
        said = ENDS.get(end[1], "").format(**p) if end else ""
        raise RuntimeError(said or " | ".join(lines) or f"it ended with {rc} and said nothing")
    return time.monotonic() - began


def install(module: AnsibleModule, folder: str) -> float:
    """Unpack, prepare, make read-only, mark. Leaves the module if the release does not load; then nothing of it stays."""
    p = module.params
    user = pwd.getpwnam(p["user"])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
        rc, _out, err = module.run_command(["tar", "-xf", p["bundle"], "-C", folder, "--no-same-owner"])
        if rc:
            raise RuntimeError(f"it could not be unpacked: {' | '.join(err.splitlines()[:2]) or f'tar ended with {rc}'}")
        own(folder, user.pw_uid, user.pw_gid, 0)
        seconds = prepare(module, folder)
        # Code that a running process could change would not be the code that was deployed. Root's own right to write stays:
        # what a process copies from here, with its mode, it can change.
        own(folder, os.geteuid(), user.pw_gid, 0o022)
        for name in (ENVIRONMENT, READY):
            if os.path.lexists(os.path.join(folder, name)):
                raise RuntimeError(f"it has a file {name} at its top, where the platform keeps one: rename it")
        broken = judged(release_faults, folder, p["manifest"]) if p["manifest"] else []
        if broken:
            raise RuntimeError(f"it breaks the platform's rules: {'; '.join(broken)}")
        if p["answers"]:
            hand_over(folder, **p["answers"])
        point(folder, p["python"])
        mark_ready(folder, p["release"])
    except (OSError, RuntimeError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        stays = ", the one before stays" if current(p["path"]) else ""
        said = str(error) if len(str(error)) <= LONGEST else f"{str(error)[:LONGEST]} …"
        module.fail_json(msg=f"the release {p['release']} does not load{stays}: {said}")
    return seconds


def release(module: AnsibleModule) -> None:
    """Install the release if it is not there, leave."""
    p = module.params
    folder = os.path.join(p["path"], "releases", p["release"])
    there = is_ready(folder)
    # Who only asks installs nothing.
    asked = p["aggregate"] is not None
    result = {
        "changed": not there and not asked,
        "missing": not there,
        "path": folder,
        "release": p["release"],
        "previous": current(p["path"]),
        "fingerprint": p["release"],
        "diff": {"before": "" if there else f"{folder}: absent\n", "after": "" if there else f"{folder}: ready\n"},
    }
    if there and not module.check_mode:
        point(folder, p["python"])
    if not there and not module.check_mode and not asked:
        result["seconds"] = round(install(module, folder), 2)
    if p["manifest"] and (there or not asked):
        try:
            result["masks"] = masks(folder, p["manifest"])
        except ValueError as error:
            module.fail_json(msg=str(error))
    module.exit_json(**result)


OPTIONS = {
    "source": {"type": "path", "required": True},
    "path": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "python": {"type": "path", "required": True},
    "command": {"type": "list", "elements": "str", "default": ["-m", "pipeline_shared.prepare"]},
    "python_path": {"type": "list", "elements": "str", "default": ["."]},
    "properties": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 300},
    "manifest": {"type": "dict"},
    "answers": {
        "type": "dict",
        "options": {
            "state": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "code": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
        },
    },
    "release": {"type": "str"},
    "bundle": {"type": "path"},
}


def run(module: AnsibleModule) -> None:
    """One pipeline; leaves the module."""
    # Who only asks waits for nobody: a release is there, or it is not.
    asks = module.check_mode or module.params["aggregate"] is not None
    with contextlib.nullcontext() if asks else exclusive(module.params["path"]):
        release(module)


def main() -> None:
    """Entry point of the module."""
    # A service's user has to pass through the folders made here, whatever umask root has on this host.
    os.umask(0o022)
    module = AnsibleModule(
        argument_spec=with_aggregate(OPTIONS),
        required_one_of=[("path", "aggregate")],
        mutually_exclusive=[("path", "aggregate")],
        supports_check_mode=True,
    )
    each_item(module, OPTIONS, "user", run)


if __name__ == "__main__":
    main()
