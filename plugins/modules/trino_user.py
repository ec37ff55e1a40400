#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_user
short_description: Manage who may log in to Trino with a password
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Puts a user and the hash of its password (bcrypt) into the file of Trino's password authenticator, which Trino reads again
    while it runs. A hash that the password belongs to stays as it is.
  - Other users in the file are never touched, and two plays at once both land.
  - Changed means that Trino has read the file, if it runs. For that the file has a user of its own, named by what else is in it,
    whose password is made of O(password); Trino is asked whether it may log in. Nothing gives that user any right.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows whether there is a password and whether it is the one that is given, and never the password or its hash.
    support: full
options:
  name:
    description: The user that logs in. This or O(aggregate) is required.
    type: str
  login_password:
    description: Its password, of 72 bytes at the most. Required unless O(state=absent).
    type: str
  password_file:
    description: The coordinator's C(file.password-file), on the host where the module runs. It has to be there.
    type: path
    required: true
  exclusive:
    description: With O(aggregate), whether whoever else is in the file may not log in any more.
    type: bool
    default: false
  state:
    description: Whether it may log in.
    type: str
    choices: [present, absent]
    default: present
  aggregate:
    description:
      - Several users at once, written in one go.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      login_password:
        description: As O(login_password).
        type: str
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
requirements:
  - bcrypt
"""

EXAMPLES = r"""
- name: One that may log in
  foss_data.platform.trino_user:
    user: admin
    password: "{{ admin_password }}"
    ca_path: /etc/certificates/ca.pem
    password_file: /etc/trino/passwords.txt
    name: sales
    login_password: "{{ sales_password }}"

- name: Another, and one that may not any more
  foss_data.platform.trino_user:
    user: admin
    password: "{{ admin_password }}"
    ca_path: /etc/certificates/ca.pem
    password_file: /etc/trino/passwords.txt
    aggregate:
      - {name: stock, login_password: "{{ stock_password }}"}
      - {name: sales, state: absent}
"""

RETURN = r"""
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
      description: Whether its login was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: Its login before and after.
      type: dict
"""

import hashlib
import hmac
import re
import socket
import traceback

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.foss_data.platform.plugins.module_utils.trino_file import TrinoFileModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import NotInForceError

try:
    import bcrypt

    BCRYPT_ERROR = None
except ImportError:
    BCRYPT_ERROR = traceback.format_exc()

# The least that Trino takes, 15 ms: a password is long and generated, so that nobody finds it by trying.
COST = 8
LONGEST = 72  # bytes of a password that bcrypt looks at
SUM = re.compile(r"passwords-[0-9a-f]{16}")  # the user that says what else is in the file
GIVEN = "the password that is given"
ANOTHER = "another password"


def hashed(password: str) -> str:
    """The hash as Trino takes it, which knows the newest bcrypt by the name that others gave it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode().replace("$2b$", "$2y$", 1)


def hashes_of(text: str) -> dict[str, str]:
    """The hash of each user in the file's ``text``."""
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    return {name.strip(): value.strip() for name, value in lines if not SUM.fullmatch(name.strip())}


def witness(hashes: dict[str, str], key: str) -> tuple[str, str]:
    """The user that tells that Trino has read these ``hashes``, and its password, which nobody knows without ``key``."""
    digest = hashlib.sha256(repr(sorted(hashes.items())).encode()).hexdigest()[:16]
    return f"passwords-{digest}", hmac.new(key.encode(), digest.encode(), hashlib.sha256).hexdigest()


class User(TrinoFileModule):
    """The login of a user: GIVEN, ANOTHER, or None if it has none."""

    file, holds, setting = "password_file", "passwords", "file.password-file of its password-authenticator.properties"
    beside = ("password_file", "exclusive")

    def options(self):
        """What the file can hold."""
        name, password = self.params["name"], self.params["login_password"]
        if re.search(r"[\s:#]|^$", name) or SUM.fullmatch(name):
            self.fail(f"name {name!r} can't stand in a file of passwords")
        if password is not None and not 0 < len(password.encode()) <= LONGEST:
            self.fail(f"login_password: that of {name} has to have 1 to {LONGEST} bytes")

    def connect(self):
        """The client, and the other library."""
        if BCRYPT_ERROR:
            self.module.fail_json(msg=missing_required_lib("bcrypt"), exception=BCRYPT_ERROR)
        super().connect()

    def work(self):
        """Where it is exclusive, of all others in the file, too."""
        if self.params["exclusive"] and self.params["aggregate"] is not None:
            given = {item["name"] for item in self.params["aggregate"]}
            others = [name for name in self.parsed(self.text()) if name not in given]
            self.params["aggregate"] += [{"name": name, "state": "absent"} for name in others]
        return super().work()

    def parsed(self, text):
        """The hash of its password."""
        return hashes_of(text)

    def read(self):
        """Its login in the file."""
        present, password = super().read(), self.params["login_password"]
        if present is None or password is None:
            return present and ANOTHER
        try:
            return GIVEN if bcrypt.checkpw(password.encode(), present.encode()) else ANOTHER
        except ValueError:
            # A hash of another kind, or none.
            return ANOTHER

    def wanted(self, before):
        """As given."""
        return GIVEN if self.params["state"] == "present" else None

    def written(self, after):
        """The password, of which each time another hash would be made."""
        return after and self.params["login_password"]

    def rewritten(self, text, changes):
        """With a user that says what else is there."""
        hashes = {user: value for user, value in hashes_of(text).items() if user not in changes}
        hashes |= {user: hashed(password) for user, password in changes.items() if password}
        name, password = witness(hashes, self.params["password"])
        return "".join(f"{user}:{value}\n" for user, value in sorted((hashes | {name: hashed(password)}).items()))

    def in_force(self, text):
        """Whether that user may log in is asked."""
        name, password = witness(hashes_of(text), self.params["password"])
        if not self.client.lets_in(name, password):
            raise NotInForceError(f"{name} may not log in yet")

    def check(self, before, after):
        """A Trino that is not started yet reads the file when it is."""
        if self.applied and self._listens():
            super().check(before, after)

    def shown(self, state):
        """The login in words."""
        return "" if state is None else f"logs in with {state}\n"

    def _listens(self) -> bool:
        """Whether there is a Trino; one that is not started yet reads the file when it is."""
        try:
            socket.create_connection((self.params["host"], self.params["port"]), timeout=5).close()
        except OSError:
            return False
        return True


def main() -> None:
    """Entry point of the module."""
    User(
        {
            "name": {"type": "str"},
            "login_password": {"type": "str", "no_log": True},
            "password_file": {"type": "path", "required": True, "no_log": False},
            "exclusive": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        {"required_if": [("state", "present", ("login_password",))]},
    ).run()


if __name__ == "__main__":
    main()
