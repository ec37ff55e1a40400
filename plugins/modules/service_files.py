#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: service_files
short_description: The user, directories and files of one service, in one round trip
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Brings a service's system user, its directories and its rendered files to the wanted state at once.
    One task in the place of ten makes an unchanged run fast; the diff is per file, as that of M(ansible.builtin.template).
  - Before the first change it forgets what the O(service) was last started with, so that M(foss_data.platform.service)
    restarts it even if the play is interrupted in between.
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: One entry per file; the content of secret files is not shown.
    support: full
options:
  service:
    description:
      - Name of the service, as given to M(foss_data.platform.service), among whose C(inputs) the result has to be.
        Not given for what no running process has read.
    type: str
  user:
    description: System user that the service runs as, without a shell; one that has a shell loses it.
    type: dict
    suboptions:
      name:
        description: Name of the user and of its group.
        type: str
        required: true
      home:
        description: Home directory; it is not created here.
        type: str
        default: /nonexistent
  directories:
    description: Directories to create.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Owner.
        type: str
        default: root
      group:
        description: Group.
        type: str
        default: root
      mode:
        description: Octal mode.
        type: str
        default: "0755"
  files:
    description: Files to write.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path; its directory has to exist or be listed in O(directories).
        type: path
        required: true
      template:
        description: A template of the role, rendered on the control side.
        type: str
      content:
        description: The text itself, in the place of a template.
        type: str
      owner:
        description: Owner.
        type: str
        default: root
      group:
        description: Group.
        type: str
        default: root
      mode:
        description: Octal mode.
        type: str
        default: "0644"
      secret:
        description: Never shown in a diff or a log.
        type: bool
        default: false
      once:
        description: Written only where there is none yet; something else owns its content afterwards.
        type: bool
        default: false
      validate:
        description: A command that has to accept new content before it is put in place, C(%s) in it is the path of that.
        type: str
  secrets:
    description: Used internally to hand over the content of secret files.
    type: dict
    default: {}
  aggregate:
    description:
      - Several services in one round trip, each with its O(service) and the options above; see also
        M(foss_data.platform.rendered_files). C(results) has what came of each.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Configure the service
  foss_data.platform.service_files:
    service: trino
    user: {name: trino, home: /var/lib/trino}
    directories:
      - {path: /etc/trino, group: trino, mode: "0750"}
      - {path: /var/lib/trino, owner: trino, group: trino, mode: "0750"}
    files:
      - {template: config.properties.j2, dest: /etc/trino/config.properties, group: trino, mode: "0640"}
      - {template: secrets.env.j2, dest: /etc/trino/secrets.env, mode: "0600", secret: true}
      - {template: trino.service.j2, dest: /etc/systemd/system/trino.service}
  register: _trino_files
"""

RETURN = r"""
changed_paths:
  description: What was changed, or would be.
  returned: always
  type: list
  elements: str
  sample: [/etc/trino/config.properties]
fingerprint:
  description: Sum over the wanted content and modes, for M(foss_data.platform.service).
  returned: always
  type: str
"""

import grp
import hashlib
import json
import os
import pwd
import shlex
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import each_item, with_aggregate
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord

NO_SHELL = "/usr/sbin/nologin"


def fingerprint(files: list[dict]) -> str:
    """Hex sha256 over path, content, owner, group and mode of all files but those written ``once``."""
    wanted = [
        [f["dest"], hashlib.sha256(f["content"].encode()).hexdigest(), f["owner"], f["group"], f["mode"]]
        for f in files
        if not f["once"]
    ]
    return hashlib.sha256(json.dumps(sorted(wanted)).encode()).hexdigest()


def attributes_of(path: str) -> dict | None:
    """Owner, group and octal mode of ``path``; None if it does not exist."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return {
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
    }


def _name(lookup, number: int) -> str:
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


class ServiceFiles:
    """Compares and applies, path by path; collects what changed and the diff."""

    def __init__(self, module: AnsibleModule):
        self.module = module
        self.changed_paths: list[str] = []
        self.diff: list[dict] = []
        self._record = StartedRecord(module.params["service"]) if module.params["service"] else None

    def change(self, path: str, before: str, after: str) -> bool:
        """Note a change; True if it is to be made (not in check mode)."""
        self.changed_paths.append(path)
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})
        if self.module.check_mode:
            return False
        # First forget, then change: an interruption right here costs a restart too many, never one too few.
        if self._record:
            self._record.forget()
        return True

    def user(self, wanted: dict) -> None:
        """Create the system user and its group, or take its shell."""
        try:
            shell = pwd.getpwnam(wanted["name"]).pw_shell
            if shell != NO_SHELL and self.change(f"user {wanted['name']}", f"shell: {shell}\n", f"shell: {NO_SHELL}\n"):
                self.module.run_command(["usermod", "--shell", NO_SHELL, wanted["name"]], check_rc=True)
        except KeyError:
            if self.change(f"user {wanted['name']}", "", "present\n"):
                self.module.run_command(
                    [
                        "useradd",
                        "--system",
                        "--user-group",
                        "--no-create-home",
                        "--home-dir",
                        wanted["home"],
                        "--shell",
                        NO_SHELL,
                        wanted["name"],
                    ],
                    check_rc=True,
                )

    def directory(self, wanted: dict) -> None:
        """Create the directory (and its parents, which belong to root), or mend its attributes."""
        path = wanted["path"]
        after = {key: wanted[key] for key in ("owner", "group", "mode")}
        before = attributes_of(path)
        if before is not None and not os.path.isdir(path):
            self.module.fail_json(msg=f"{path} has to be a directory but is a file: move it away and run again.")
        if before != after and self.change(path, _lines(before), _lines(after)):
            os.makedirs(path, mode=0o755, exist_ok=True)
            self._set_attributes(path, after)

    def file(self, wanted: dict) -> None:
        """Write the file if its content or attributes differ."""
        path, content = wanted["dest"], wanted["content"]
        after = {key: wanted[key] for key in ("owner", "group", "mode")}
        before = attributes_of(path)
        if os.path.isdir(path):
            self.module.fail_json(msg=f"{path} has to be a file but is a directory: move it away and run again.")
        if before is not None and wanted["once"]:
            return
        old = self._read(path) if before is not None else None
        if old != content:
            shown = [old or "", content] if not wanted["secret"] else ["(secret)\n" if old else "", "(secret, changed)\n"]
            if self.change(path, *shown):
                self._write(wanted, after)
        elif before != after and self.change(path, _lines(before), _lines(after)):
            self._set_attributes(path, after)

    @staticmethod
    def _read(path: str) -> str | None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as handle:
                return handle.read()
        except FileNotFoundError:
            return None

    def _write(self, wanted: dict, attributes: dict) -> None:
        path = wanted["dest"]
        # In the same directory, so that the last step is a rename: nobody ever reads half a file.
        handle, partial = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as target:
                target.write(wanted["content"])
            self._validate(wanted, partial)
            self._set_attributes(partial, attributes)
            os.rename(partial, path)
        finally:
            if os.path.exists(partial):
                os.unlink(partial)

    def _validate(self, wanted: dict, partial: str) -> None:
        if not wanted["validate"]:
            return
        rc, out, err = self.module.run_command(shlex.split(wanted["validate"].replace("%s", partial)))
        if rc:
            said = " ".join((err or out).replace(partial, wanted["dest"]).split())
            self.module.fail_json(msg=f"{wanted['dest']} is left as it was, its new content would be refused: {said}")

    def _set_attributes(self, path: str, wanted: dict) -> None:
        try:
            os.chown(path, pwd.getpwnam(wanted["owner"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid)
        except KeyError as error:
            self.module.fail_json(msg=f"{path}: no such user or group on this host: {error}")
        os.chmod(path, int(wanted["mode"], 8))


def _lines(attributes: dict | None) -> str:
    return "".join(f"{key}: {value}\n" for key, value in (attributes or {}).items())


ATTRIBUTES = {
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
OPTIONS = {
    "service": {"type": "str"},
    "user": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "home": {"type": "str", "default": "/nonexistent"},
        },
    },
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            **ATTRIBUTES,
            "mode": {"type": "str", "default": "0755"},
        },
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "dest": {"type": "path", "required": True},
            **ATTRIBUTES,
            "mode": {"type": "str", "default": "0644"},
            "template": {"type": "str"},
            "content": {"type": "str"},
            "secret": {"type": "bool", "default": False, "no_log": False},
            "once": {"type": "bool", "default": False},
            "validate": {"type": "str"},
        },
    },
}


def bring_about(module: AnsibleModule) -> None:
    """One service's user, directories and files, in this order; leaves the module."""
    files = module.params["files"]
    for entry in files:
        if entry["secret"]:
            entry["content"] = module.params["secrets"][entry["dest"]]
    work = ServiceFiles(module)
    if module.params["user"]:
        work.user(module.params["user"])
    for entry in module.params["directories"]:
        work.directory(entry)
    for entry in files:
        work.file(entry)
    module.exit_json(
        changed=bool(work.changed_paths),
        changed_paths=work.changed_paths,
        diff=work.diff,
        fingerprint=fingerprint(files),
    )


def main() -> None:
    """Entry point of the module."""
    # A service's user has to pass through the folders made here, whatever umask root has on this host.
    os.umask(0o022)
    secrets = {"type": "dict", "default": {}, "no_log": True}
    module = AnsibleModule(argument_spec=with_aggregate(OPTIONS) | {"secrets": secrets}, supports_check_mode=True)
    each_item(module, OPTIONS, "service", bring_about)


if __name__ == "__main__":
    main()
