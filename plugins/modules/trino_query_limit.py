#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_query_limit
short_description: Manage how many queries of a user Trino runs at a time
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Puts a user into the group C(queries-N) of Trino's file of groups. What that group may do is for Trino's resource groups to
    say, which Trino reads when it starts; the file of groups it reads again while it runs.
  - Groups of other names that stand in the file are never touched, and two plays at once both land.
  - Done means that Trino has read the file. For that the file has a group of its own, named by what else is in it, and Trino is
    asked for it in the name of its member, who is O(user).
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the limit before and after.
    support: full
options:
  name:
    description: The user whose queries are limited. This or O(aggregate) is required.
    type: str
  limit:
    description: How many run at a time, a number that there is a resource group for. If not given, as many as everybody's.
    type: int
  groups_file:
    description: The coordinator's C(file.group-file), on the host where the module runs.
    type: path
    required: true
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
      limit:
        description: As O(limit).
        type: int
"""

EXAMPLES = r"""
- name: Four queries at a time
  foss_data.platform.trino_query_limit:
    user: admin
    groups_file: /etc/trino/groups.txt
    name: sales
    limit: 4

- name: One that may have eight, and one that is as everybody again
  foss_data.platform.trino_query_limit:
    user: admin
    groups_file: /etc/trino/groups.txt
    aggregate:
      - {name: stock, limit: 8}
      - {name: sales}
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
      description: Whether its limit was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: Its limit before and after.
      type: dict
"""

import hashlib
import re

from ansible_collections.foss_data.platform.plugins.module_utils.trino_file import TrinoFileModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import NotInForceError

LIMIT = re.compile(r"\s*queries-([0-9]+)\s*:(.*)")
SUM = re.compile(r"(groups-[0-9a-f]{16}):(.*)")  # the group that says what else is in the file


def limits_of(text: str) -> dict[str, int]:
    """The limit of each user that has one in the file's ``text``."""
    lines = [match for line in text.splitlines() if (match := LIMIT.fullmatch(line))]
    return {name.strip(): int(line[1]) for line in lines for name in line[2].split(",") if name.strip()}


def with_limits(text: str, changes: dict[str, int | None], member: str) -> str:
    """The file's text with the limits of some users as given, and the sum that ``member`` is in."""
    users: dict[int, list[str]] = {}
    for name, limit in sorted((limits_of(text) | changes).items()):
        if limit is not None:
            users.setdefault(limit, []).append(name)
    lines = [line for line in text.splitlines() if not LIMIT.fullmatch(line) and not SUM.fullmatch(line)]
    lines += [f"queries-{limit}:{','.join(names)}" for limit, names in sorted(users.items())]
    return "".join(f"{line}\n" for line in [*lines, f"groups-{hashlib.sha256(repr(lines).encode()).hexdigest()[:16]}:{member}"])


class QueryLimit(TrinoFileModule):
    """The limit of a user; None if it has none of its own."""

    file, holds, setting = "groups_file", "groups", "file.group-file of its group-provider.properties"
    beside = ("groups_file",)

    def options(self):
        """What the file can hold."""
        if re.search(r"[\s,:#]|^$", self.params["name"]):
            self.fail(f"name {self.params['name']!r} can't stand in a file of groups")
        if self.params["limit"] is not None and self.params["limit"] < 1:
            self.fail(f"limit: {self.params['name']} has to have one query at the least")

    def parsed(self, text):
        """Its limit."""
        return limits_of(text)

    def wanted(self, before):
        """As given."""
        return self.params["limit"]

    def rewritten(self, text, changes):
        """With a group that says what else is there."""
        return with_limits(text, changes, self.params["user"])

    def in_force(self, text):
        """Who is in that group is asked."""
        group, member = next(match for line in text.splitlines() if (match := SUM.fullmatch(line))).groups()
        if group not in self.client.rows("SELECT current_groups()", user=member)[0][0]:
            raise NotInForceError(f"{member} is not in {group} yet")

    def shown(self, state):
        """The limit in words."""
        return "" if state is None else f"{state} at a time\n"


def main() -> None:
    """Entry point of the module."""
    QueryLimit(
        {
            "name": {"type": "str"},
            "limit": {"type": "int"},
            "groups_file": {"type": "path", "required": True},
        }
    ).run()


if __name__ == "__main__":
    main()
