#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_s3_mapping
short_description: Manage with which key Trino reads and writes objects for a user
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Keeps Trino's S3 security mapping, by which each user works with a key of its own. What no mapping is for is refused by Trino,
    also where a table's own metadata leads there.
  - Trino reads the file again within its C(s3.security-mapping.refresh-period), so nothing is restarted.
  - All that names a user, or its key, or that lies below its prefix for everybody, is managed here. Other mappings are never
    touched, and two plays at once both land.
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the mapping before and after. Of a secret it only says whether it is the one given.
    support: full
options:
  name:
    description: The user of Trino. This or O(aggregate) is required.
    type: str
  prefix:
    description: Where the user works, as C(s3://BUCKET/FOLDER/). If not given, everywhere.
    type: str
  access_key:
    description: The key that Trino works with there, for nobody else. Required if O(state=present).
    type: str
  secret_key:
    description: The secret of that key. Required if O(state=present).
    type: str
  published:
    description:
      - Folders below O(prefix) that Trino reads for everybody, with its catalogs' own key, C(s3.aws-access-key). Whether a user
        may read a table there, Trino's access rules say.
    type: list
    elements: str
    default: []
  widen:
    description: Whether folders of O(published) that Trino does not read for everybody yet are added.
    type: bool
    default: true
  keep_published:
    description: With O(state=absent), whether what Trino reads for everybody below O(prefix) stays.
    type: bool
    default: false
  mapping_file:
    description: The C(s3.security-mapping.config-file) of the catalogs, on the host where the module runs.
    type: path
    required: true
  timeout:
    description: Seconds to wait for another play that writes the file.
    type: int
    default: 120
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  aggregate:
    description:
      - Several users at once, written in one go. What an item does not say is as given beside this list.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      prefix:
        description: As O(prefix).
        type: str
      access_key:
        description: As O(access_key).
        type: str
      secret_key:
        description: As O(secret_key).
        type: str
      published:
        description: As O(published).
        type: list
        elements: str
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
"""

EXAMPLES = r"""
- name: The administrator works everywhere
  foss_data.platform.trino_s3_mapping:
    mapping_file: /etc/trino/s3-mapping.json
    name: admin
    access_key: trino
    secret_key: "{{ trino_secret }}"

- name: Two users, each in its own folder; what one of them publishes is read by all
  foss_data.platform.trino_s3_mapping:
    mapping_file: /etc/trino/s3-mapping.json
    aggregate:
      - {name: sales, prefix: s3://lake/sales/, access_key: sales, secret_key: "{{ sales_secret }}",
         published: [s3://lake/sales/marts/]}
      - {name: stock, prefix: s3://lake/stock/, access_key: stock, secret_key: "{{ stock_secret }}"}
"""

RETURN = r"""
held_back:
  description: Whether there are folders that were not added.
  returned: without O(aggregate), if O(widen) is false
  type: bool
results:
  description: What came of each item.
  returned: with O(aggregate)
  type: list
  elements: dict
  contains:
    name:
      description: The user.
      type: str
    changed:
      description: Whether its mapping was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: Its mapping before and after.
      type: dict
    held_back:
      description: As RV(ignore:held_back), if O(widen) is false.
      type: bool
"""

import json
import os
import re

from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import locked, pattern, replace_file

FOLDER = re.compile(r"s3://[^/]+/(?:[^/]+/)+")


def own_mappings(mappings: list[dict], params: dict) -> list[dict]:
    """Those of a user, and of whoever had its key before: first the ones for the key, then those of what it publishes."""
    own = [m for m in mappings if m.get("user") == pattern(params["name"]) or m.get("accessKey", "") == params["access_key"]]
    prefixes = tuple(m["prefix"] for m in [*own, params] if m.get("prefix"))
    return own + [m for m in mappings if "user" not in m and m.get("prefix", "").startswith(prefixes)]


class Mapping(AggregateModule, ServiceStateModule):
    """The mappings of a user; none if there is no such user."""

    connection, library = {}, ("", None)
    identity = ("name",)
    beside = ("mapping_file", "timeout", "widen", "keep_published")
    held_back = False

    def connect(self):
        """Nobody is asked."""

    def fault(self, error):
        """What is wrong with the file."""
        return {"msg": f"the mapping was not changed: {error}"} if isinstance(error, (OSError, ValueError)) else None

    def options(self):
        """Whole folders: of half a name another's would begin with it."""
        prefix, published = self.params["prefix"], self.params["published"]
        for folder in [*([prefix] if prefix else []), *published]:
            if not FOLDER.fullmatch(folder):
                self.fail(f"{folder} is no folder in a bucket: give it as s3://BUCKET/FOLDER/")
        if outside := [folder for folder in published if not prefix or not folder.startswith(prefix)]:
            self.fail(f"published: {outside[0]} is not below the prefix of {self.params['name']}")

    def share(self, items):
        """The file once."""
        self.shared["mappings"] = self._read()

    def read(self):
        """Its mappings in the file."""
        mappings = self.shared["mappings"] if self.item is not None else self._read()
        return own_mappings(mappings, self.params)

    def wanted(self, before):
        """As given."""
        p, read = self.params, [m for m in before if "user" not in m]
        if p["state"] == "absent":
            return read if p["keep_published"] else []
        own = {"user": pattern(p["name"])} | ({"prefix": p["prefix"]} if p["prefix"] else {})
        own |= {"accessKey": p["access_key"], "secretKey": p["secret_key"]}
        folders = set(p["published"])
        added = folders - {m["prefix"] for m in read}
        self.held_back = bool(added) and not p["widen"]
        if self.held_back:
            folders -= added
        return [own, *({"prefix": folder, "useClusterDefault": True} for folder in sorted(folders))]

    def apply(self, before, after):
        """One user's."""
        self._write([(self.params, after)])

    def apply_all(self, items):
        """Of all in one go."""
        self._write([(item.params, item.after) for item in items])

    def report(self):
        """Whether folders wait."""
        return {} if self.params["widen"] else {"held_back": self.held_back}

    def shown(self, state):
        """A mapping on a line, without its secret."""

        def said(mapping: dict) -> dict:
            known = "as given" if mapping["secretKey"] == self.params["secret_key"] else "another"
            return mapping | {"secretKey": known}

        return "".join(json.dumps(said(m) if "secretKey" in m else m) + "\n" for m in state)

    def _read(self) -> list[dict]:
        path = self.params["mapping_file"]
        try:
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        except FileNotFoundError:
            # It is there when the mapping is written, or Trino reads another.
            return []
        mappings = document.get("mappings") if isinstance(document, dict) else None
        if not isinstance(mappings, list) or not all(isinstance(m, dict) for m in mappings):
            raise ValueError(f"{path} has to be an object with the list `mappings`: mend it by hand")
        return mappings

    def _write(self, changes: list[tuple[dict, list[dict]]]) -> None:
        path = os.path.realpath(self.params["mapping_file"])
        os.stat(path)
        with locked(os.path.dirname(path), self.params["timeout"]):
            mappings = self._read()
            for params, wanted in changes:
                own = own_mappings(mappings, params)
                others = [m for m in mappings if m not in own]
                # Trino takes the first that fits: a user has its own key also where others read.
                first = [m for m in wanted if "user" in m]
                mappings = [*first, *others, *(m for m in wanted if m not in first)]
            replace_file(path, json.dumps({"mappings": mappings}, indent=2) + "\n")


def main() -> None:
    """Entry point of the module."""
    Mapping(
        {
            "name": {"type": "str"},
            "prefix": {"type": "str"},
            "access_key": {"type": "str", "no_log": False},
            "secret_key": {"type": "str", "no_log": True},
            "published": {"type": "list", "elements": "str", "default": []},
            "widen": {"type": "bool", "default": True},
            "keep_published": {"type": "bool", "default": False},
            "mapping_file": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 120},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        {"required_if": [("state", "present", ["access_key", "secret_key"])]},
    ).run()


if __name__ == "__main__":
    main()
