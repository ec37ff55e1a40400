#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact
short_description: Install a pinned artifact from the catalogue
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Installs a version of an artifact into C(DEST/VERSION) and points C(DEST/current) to it; upgrade and rollback are one switch.
  - The control side fetches it once, checks its sha256 against the catalogue (the variable C(artifacts)) and ships it.
    With the variable C(artifact_mirror) set, a directory or an address, everything comes from there.
  - An environment of Python packages is built on the host from a hash-pinned lock, offline, from wheels shipped to it.
  - The new version becomes visible only when it is whole. Whatever fails before leaves the host as it was.
  - Wheels that no environment on the host was built from any more are removed when the next one is built, from the cache of
    C(uv), too.
attributes:
  check_mode:
    description: Says what would be installed and fetches nothing.
    support: full
  diff_mode:
    description: Shows the version before and after.
    support: full
options:
  name:
    description: Name in the catalogue. Not needed with O(lock).
    type: str
  lock:
    description:
      - A hash-pinned requirements file on the control side that is not in the catalogue.
        The environment's version is the beginning of the lock's sha256, so equal locks share one environment.
    type: path
  aggregate:
    description:
      - Several environments, each with its O(lock) and the options below. Equal ones are built once. C(results) has what came of
        each.
    type: list
    elements: dict
  dest:
    description: Where versions lie. The default is C(/opt/NAME).
    type: path
  version:
    description: A version of the catalogue. The default is its first.
    type: str
  switch:
    description:
      - Whether C(DEST/current) is pointed to the version; then only this version and the one before are kept.
      - If not, what is in O(dest) is kept for a day after it was last asked for; M(foss_data.platform.pipeline_current) removes
        what nothing needs after that.
    type: bool
    default: true
  python:
    description: Interpreter that environments are built on.
    type: path
    default: /usr/bin/python3.11
  uv:
    description: The C(uv) that builds environments, on the host.
    type: path
    default: /opt/uv/current/bin/uv
  wheels:
    description: Folder on the host that keeps the wheels of its environments.
    type: path
    default: /var/cache/foss-data-platform/wheels
  fingerprint:
    description: Used internally; the sum that the installed version is known by.
    type: str
  kind:
    description: Used internally; how the bundle is laid out.
    type: str
    choices: [files, python]
    default: files
  needed:
    description: Used internally; the wheels that the environment is built from.
    type: list
    elements: str
    default: []
  bundle:
    description: Used internally; what was shipped.
    type: path
"""

EXAMPLES = r"""
- name: Install Trino
  foss_data.platform.artifact:
    name: trino
  register: _trino_release

- name: Build a pipeline's environment, shared by all with the same lock
  foss_data.platform.artifact:
    lock: pipelines/stavanger_parking/requirements.txt
    dest: /opt/pipeline-envs
    switch: false
  register: _environment
"""

RETURN = r"""
path:
  description: Where the version lies.
  returned: always
  type: str
  sample: /opt/trino/476
version:
  description: The version, as the folder is named.
  returned: always
  type: str
  sample: "476"
previous:
  description: The version that C(current) pointed to before; empty if there was none.
  returned: always
  type: str
fingerprint:
  description: Changes whenever the installed bytes change, for M(foss_data.platform.service).
  returned: always
  type: str
"""

import contextlib
import hashlib
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.current import current, switch
from ansible_collections.foss_data.platform.plugins.module_utils.environments import MARKER, WHEELS, Wheels, hand_out
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive

UV = {
    "UV_CACHE_DIR": "/var/cache/foss-data-platform/uv",
    "UV_NO_CONFIG": "1",
    "UV_OFFLINE": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}


class WheelsGoneError(Exception):
    """Wheels that were there when the bundle was made are not: another play removed them, or this one did, as damaged."""


def read(path: str) -> str:
    """Content of a small file, empty if there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return ""


def outdated(names: list[str], keep: set[str]) -> list[str]:
    """Versions to remove of the directory entries ``names``: all but those in ``keep``, and what an interrupted play left."""
    return sorted(n for n in names if n not in keep and n != "current")


def remove_damaged(folder: str, names: list[str], lock: str) -> list[str]:
    """Remove those wheels whose sum is none of the lock's, as a full disk or a crash leaves them; their names."""
    sums = read(lock)
    removed = []
    for path in (os.path.join(folder, name) for name in names):
        with open(path, "rb") as handle:
            damaged = f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}" not in sums
        if damaged:
            os.unlink(path)
            removed.append(os.path.basename(path))
    return removed


def unpack(module: AnsibleModule, partial: str) -> None:
    """Fill ``partial`` from the bundle."""
    p = module.params
    if p["kind"] == "files":
        module.run_command(["tar", "-xf", p["bundle"], "-C", partial, "--no-same-owner"], check_rc=True)
        return
    with tempfile.TemporaryDirectory(dir=os.path.dirname(p["wheels"])) as folder:
        module.run_command(["tar", "-xf", p["bundle"], "-C", folder, "--no-same-owner"], check_rc=True)
        arrived = os.path.join(folder, "wheels")
        for name in os.listdir(arrived) if os.path.isdir(arrived) else []:
            os.rename(os.path.join(arrived, name), os.path.join(p["wheels"], name))
        if not set(p["needed"]) <= set(os.listdir(p["wheels"])):
            raise WheelsGoneError
        lock = os.path.join(folder, "requirements.txt")
        for command in (
            [p["uv"], "venv", "--quiet", "--allow-existing", "--relocatable", "--python", p["python"], partial],
            [
                p["uv"],
                "pip",
                "install",
                "--quiet",
                "--python",
                partial,
                "--no-index",
                "--find-links",
                p["wheels"],
                "--require-hashes",
                "--no-deps",
                "--compile-bytecode",
                "--requirement",
                lock,
            ],
        ):
            rc, out, err = module.run_command(command, environ_update=UV)
            if rc:
                # Only now: reading a gigabyte of wheels before each would cost more than building.
                if remove_damaged(p["wheels"], p["needed"], lock):
                    raise WheelsGoneError
                raise RuntimeError(f"the environment could not be built: {(err or out).strip()[:1500]}")
    # Uv would share its locks with all users of the host.
    for folder in (partial, UV["UV_CACHE_DIR"]):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(os.path.join(folder, ".lock"), 0o600)
    with open(os.path.join(partial, WHEELS), "w", encoding="utf-8") as handle:
        handle.write("".join(f"{name}\n" for name in p["needed"]))


def tidy(module: AnsibleModule, wheels: Wheels) -> None:
    """Remove the wheels that no environment needs, and what uv unpacked of them."""
    packages = sorted({name.split("-")[0] for name in wheels.remove_unused()})
    if packages:
        module.run_command([module.params["uv"], "cache", "clean", "--quiet", *packages], environ_update=UV, check_rc=True)


def install(module: AnsibleModule, target: str) -> None:
    """Unpack beside ``target`` and rename: it is there whole, or not at all."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    partial = tempfile.mkdtemp(prefix=f".{os.path.basename(target)}.", dir=os.path.dirname(target))
    try:
        os.chmod(partial, 0o755)
        unpack(module, partial)
        with open(os.path.join(partial, MARKER), "w", encoding="utf-8") as marker:
            marker.write(module.params["fingerprint"] + "\n")
        if os.path.exists(target):
            # Of the same name but other bytes: it stays until the new one is whole.
            os.rename(target, f"{partial}.old")
        os.rename(partial, target)
    except (OSError, RuntimeError) as error:
        if os.path.exists(f"{partial}.old"):
            os.rename(f"{partial}.old", target)
        module.fail_json(msg=f"{target} was not installed and the host is as before: {error}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(f"{partial}.old", ignore_errors=True)


def release(module: AnsibleModule) -> None:
    """Install the version if it is not there, switch to it if that is wanted, leave."""
    p = module.params
    wheels = Wheels(p["wheels"])
    target = os.path.join(p["dest"], p["version"])
    if p["switch"] or module.check_mode:
        there = read(os.path.join(target, MARKER)) == p["fingerprint"]
    else:
        there = hand_out(target, p["fingerprint"])
    previous = current(p["dest"])
    to_switch = p["switch"] and previous != p["version"]
    result = {
        "changed": not there or to_switch,
        "path": target,
        "version": p["version"],
        "previous": previous,
        "fingerprint": p["fingerprint"],
        "diff": {"before": f"{p['dest']}: {previous or 'absent'}\n", "after": f"{p['dest']}: {p['version']}\n"},
    }
    if module.check_mode or not result["changed"]:
        module.exit_json(**result)
    if not there and not p["bundle"]:
        module.exit_json(missing=True, wheels=wheels.names(), **result)
    if not there and p["kind"] == "python":
        with exclusive(p["wheels"]):
            try:
                install(module, target)
            except WheelsGoneError:
                module.exit_json(missing=True, wheels=wheels.names(), **result)
            wheels.note(target)
    elif not there:
        install(module, target)
    if to_switch:
        switch(p["dest"], p["version"])
        for name in outdated(os.listdir(p["dest"]), {p["version"], previous}):
            shutil.rmtree(os.path.join(p["dest"], name), ignore_errors=True)
    if not there and p["kind"] == "python":
        with exclusive(p["wheels"]):
            tidy(module, wheels)
    module.exit_json(**result)


def main() -> None:
    """Entry point of the module."""
    # A service's user has to pass through the folders made here, whatever umask root has on this host.
    os.umask(0o022)
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "lock": {"type": "path"},
            "aggregate": {"type": "list", "elements": "dict"},
            "dest": {"type": "path"},
            "version": {"type": "str"},
            "switch": {"type": "bool", "default": True},
            "python": {"type": "path", "default": "/usr/bin/python3.11"},
            "uv": {"type": "path", "default": "/opt/uv/current/bin/uv"},
            "wheels": {"type": "path", "default": "/var/cache/foss-data-platform/wheels"},
            "fingerprint": {"type": "str"},
            "kind": {"type": "str", "choices": ["files", "python"], "default": "files"},
            "needed": {"type": "list", "elements": "str", "default": []},
            "bundle": {"type": "path"},
        },
        supports_check_mode=True,
    )
    p = module.params
    # Where nothing is done nothing is made, not even the folder.
    acts = not module.check_mode and (p["bundle"] or os.path.isdir(p["dest"]))
    with exclusive(p["dest"]) if acts else contextlib.nullcontext():
        release(module)


if __name__ == "__main__":
    main()
