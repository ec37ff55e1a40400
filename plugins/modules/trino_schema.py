#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_schema
short_description: Manage a schema in Trino, its owner and who else may use it
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates or removes a schema, and keeps the rules of Trino's file-based access control that give it to its owner.
  - Neither the Iceberg JDBC catalog nor Delta Lake knows GRANT, so owner and grants are rules in O(rules_file).
    Rules of other schemas and those written by hand are never touched, and two plays at once both land.
  - Done means that Trino has read the rules, that is, that the owner sees the schema. Trino reads them again by itself only
    if it runs with C(security.refresh-period).
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows schema and access rules before and after.
    support: full
options:
  catalog:
    description: Catalog that the schema is in. O(catalog) and O(name), or O(aggregate), are required.
    type: str
  name:
    description: Name of the schema.
    type: str
  location:
    description: Where its tables lie, for catalogs that know locations. It can't be changed later.
    type: str
  owner:
    description:
      - The Trino user that may do everything in it. Needs O(rules_file).
      - If not given it stays as it is; if empty there is none.
    type: str
  grants:
    description:
      - Others that may use its tables. Needs O(rules_file).
      - If not given they stay as they are; if an empty list there are none.
    type: list
    elements: dict
    suboptions:
      user:
        description: Name of a user.
        type: str
      group:
        description: Name of a group.
        type: str
      everyone:
        description: Whether that is everyone, in the place of a user or group.
        type: bool
      table:
        description: The one table that everyone may use. All of the schema's if not given.
        type: str
      masks:
        description:
          - As what everyone sees some columns of that table, by their names, V(hash) (SHA-256 of a text, in hex) or V(empty)
            (NULL). Owner, users and groups that may use the schema see them as they are.
          - Trino has other tables beside it that show some of its values, such as C(TABLE$files). So don't grant everyone the
            whole schema, too.
        type: dict
      privileges:
        description: What the user or group may do.
        type: list
        elements: str
        choices: [SELECT, INSERT, DELETE, UPDATE, GRANT_SELECT]
        default: [SELECT]
  widen:
    description:
      - Whether others may get more by O(grants) than they have. If not, they keep of what they have what is in O(grants), and see
        columns masked that are masked in either.
      - So before a change to what fills the tables nobody sees what is not for them, and what is new is granted after it.
    type: bool
    default: true
  rules_file:
    description:
      - The coordinator's C(security.config-file), on the host where the module runs. It has to have the lists C(catalogs),
        C(schemas) and C(tables).
      - With O(state=absent) the schema's rules are removed from it, too.
    type: path
  cascade:
    description: Whether O(state=absent) removes the tables too. Without it a schema that holds tables stays.
    type: bool
    default: false
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
  aggregate:
    description:
      - Several schemas at once, their rules written in one go. What an item does not say is as given beside this list.
      - Each has a result of its own; one that fails holds up no other and does not fail the module.
    type: list
    elements: dict
    suboptions:
      catalog:
        description: As O(catalog).
        type: str
        required: true
      name:
        description: As O(name).
        type: str
        required: true
      location:
        description: As O(location).
        type: str
      owner:
        description: As O(owner).
        type: str
      grants:
        description: As O(grants).
        type: list
        elements: dict
        suboptions:
          user:
            description: As O(grants[].user).
            type: str
          group:
            description: As O(grants[].group).
            type: str
          everyone:
            description: As O(grants[].everyone).
            type: bool
          table:
            description: As O(grants[].table).
            type: str
          masks:
            description: As O(grants[].masks).
            type: dict
          privileges:
            description: As O(grants[].privileges).
            type: list
            elements: str
            choices: [SELECT, INSERT, DELETE, UPDATE, GRANT_SELECT]
            default: [SELECT]
      cascade:
        description: As O(cascade).
        type: bool
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
"""

EXAMPLES = r"""
- name: A schema that belongs to one team and that another may read
  foss_data.platform.trino_schema:
    user: admin
    catalog: iceberg
    name: sales_marts
    location: s3://lakehouse/sales/marts/
    owner: sales
    grants:
      - user: finance
      - group: analysts
        privileges: [SELECT, GRANT_SELECT]
      - everyone: true
        table: daily_totals
      - everyone: true
        table: customers
        masks: {phone: hash, born: empty}
    rules_file: /etc/trino/rules.json

- name: No such schema, whatever it holds
  foss_data.platform.trino_schema:
    user: admin
    catalog: iceberg
    name: sales_marts
    rules_file: /etc/trino/rules.json
    cascade: true
    state: absent

- name: The schemas of two teams
  foss_data.platform.trino_schema:
    user: admin
    rules_file: /etc/trino/rules.json
    aggregate:
      - {catalog: iceberg, name: sales_marts, location: "s3://lakehouse/sales/marts/", owner: sales}
      - {catalog: iceberg, name: stock_marts, location: "s3://lakehouse/stock/marts/", owner: stock}
"""

RETURN = r"""
statements:
  description: What was run, or would be.
  returned: without O(aggregate)
  type: list
  elements: str
  sample: ['CREATE SCHEMA "iceberg"."sales_marts" WITH (location = ''s3://lakehouse/sales/marts/'')']
held_back:
  description: Whether something of O(grants) was not granted, since others would have got more.
  returned: without O(aggregate), if O(widen) is false
  type: bool
results:
  description: What came of each item.
  returned: with O(aggregate)
  type: list
  elements: dict
  contains:
    catalog:
      description: Catalog of the schema.
      type: str
    name:
      description: Name of the schema.
      type: str
    changed:
      description: Whether it was changed, or would be.
      type: bool
    failed:
      description: Whether it could not be.
      type: bool
    msg:
      description: Why not.
      type: str
    diff:
      description: The schema and its own rules before and after.
      type: dict
    statements:
      description: What was run, or would be.
      type: list
      elements: str
    held_back:
      description: As RV(ignore:held_back), if O(widen) is false.
      type: bool
"""

import contextlib
import copy
import json
import re
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import SIDE_BY_SIDE, AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino import (
    TrinoError,
    TrinoModule,
    identifier,
    like,
    literal,
)
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import (
    KEEP,
    MASKS,
    NotInForceError,
    edit_rules,
    merge,
    narrowed,
    own_rules,
    read_rules,
    sees,
    until_in_force,
    users,
)

TURN = 10  # seconds that a statement in another user's name gets: those of a busy user may be queued for long


def location_of(create_statement: str) -> str | None:
    """The location in the answer of SHOW CREATE SCHEMA."""
    match = re.search(r"\blocation = '((?:[^']|'')*)'", create_statement)
    return match.group(1).replace("''", "'") if match else None


class Schema(AggregateModule, TrinoModule):
    """A schema and its rules. Its state: ``schema``, None if there is none, and with a rules file ``rules``, the document.

    Of several, each is compared with the rules as they are after the one before it.
    """

    identity = ("catalog", "name")
    beside = ("rules_file", "widen")
    held_back = False

    def options(self):
        """Names as Trino has them."""
        for option in self.identity:
            value = self.params[option]
            if value != value.lower() or not value:
                self.fail(f"{option} {value!r}: Trino's names are in small letters")
        if [g for g in self.params["grants"] or [] if not (g["user"] or g["group"] or g["everyone"])]:
            self.fail("grants: `everyone` is true, or is not given: leave the whole grant out to take it back")
        for grant in self.params["grants"] or []:
            for column, word in (grant["masks"] or {}).items():
                if word not in MASKS:
                    self.fail(f"grants: {column} of {grant['table']} has the mask {word!r}: say {' or '.join(MASKS)}")

    def share(self, items):
        """The rules once, the schemas once for each catalog, then what is managed of each, side by side."""
        if self.params["rules_file"]:
            self.shared["rules"] = self._rules(read_rules, self.params["rules_file"])
        catalogs = {item.params["catalog"] for item in items if not item.item["failed"]}
        self.shared["schemas"] = {catalog: self._schemas_of(catalog) for catalog in catalogs}
        self.each(items, lambda item: setattr(item, "found", item._schema()), side_by_side=True)

    def _schemas_of(self, catalog: str, user: str | None = None) -> set[str] | TrinoError:
        """Names of the schemas that a user sees there, or why it sees none."""
        client = copy.copy(self.client)
        if user is not None:
            client.timeout = min(client.timeout, TURN)
        try:
            return {row[0] for row in client.rows(f"SHOW SCHEMAS FROM {identifier(catalog)}", user=user)}
        except TrinoError as error:
            # Without a name Trino did not say it.
            if not error.name:
                raise
            return error

    @property
    def _full_name(self) -> str:
        return f"{identifier(self.params['catalog'])}.{identifier(self.params['name'])}"

    def read(self):
        """The schema with what is managed of it, and the rules."""
        if self.item is not None:
            return {"schema": self.found} | ({"rules": self.shared["rules"]} if "rules" in self.shared else {})
        rules = {"rules": self._rules(read_rules, self.params["rules_file"])} if self.params["rules_file"] else {}
        return {"schema": self._schema(), **rules}

    def _schema(self) -> dict | None:
        try:
            if not self._seen_by(None):
                return None
        except TrinoError as error:
            if error.name == "CATALOG_NOT_FOUND" and self.params["state"] == "absent":
                return None
            raise
        if self.params["state"] == "absent":
            return {"tables": sorted(row[0] for row in self.client.rows(f"SHOW TABLES FROM {self._full_name}"))}
        if self.params["location"]:
            return {"location": location_of(self.client.rows(f"SHOW CREATE SCHEMA {self._full_name}")[0][0])}
        return {}

    def _seen_by(self, user: str | None) -> bool:
        if self.item is not None:
            schemas = self.shared["schemas"][self.params["catalog"]]
            if isinstance(schemas, TrinoError):
                raise schemas
            return self.params["name"] in schemas
        query = f"SHOW SCHEMAS FROM {identifier(self.params['catalog'])} {like(self.params['name'])}"
        return bool(self.client.rows(query, user=user))

    def _rules(self, call, *arguments):
        try:
            return call(*arguments)
        except (OSError, ValueError) as error:
            self.fail(f"the access rules were not changed: {error}")

    def _merged(self, document: dict, whole: bool = False) -> dict:
        p = self.params
        owner, grants = (KEEP if p[key] is None else p[key] for key in ("owner", "grants"))
        if grants is not KEEP and not (whole or p["widen"]):
            grants = narrowed(document, p["catalog"], p["name"], grants)
        if p["state"] == "absent":
            owner, grants = None, []
        return merge(document, p["catalog"], p["name"], owner, grants)

    def wanted(self, before):
        """As given; leaves the module if the schema lies elsewhere or would take tables with it."""
        rules = {"rules": self._merged(before["rules"])} if "rules" in before else {}
        self.held_back = bool(rules) and rules["rules"] != self._merged(before["rules"], whole=True)
        name, found, location = f"{self.params['catalog']}.{self.params['name']}", before["schema"], self.params["location"]
        if self.params["state"] == "absent":
            tables = (found or {}).get("tables")
            if tables and not self.params["cascade"]:
                held = f"{len(tables)} table(s) ({', '.join(tables[:3])}{' …' if tables[3:] else ''})"
                self.fail(f"schema {name} holds {held} and stays: remove them, or set cascade if they may be lost")
            return {"schema": None, **rules}
        if found is None:
            return {"schema": {"location": location} if location else {}, **rules}
        if location and (found["location"] or "").rstrip("/") != location.rstrip("/"):
            lies = f"lies at {found['location']}" if found["location"] else "has no location"
            self.fail(
                f"schema {name} {lies} and can't be moved to {location}: make a schema of another name there and copy the tables"
            )
        return {"schema": found, **rules}

    def planned(self, before, after):
        """The statements; the next of several is compared with the rules as they are then."""
        super().planned(before, after)
        if self.item is not None and "rules" in after:
            self.shared["rules"] = after["rules"]

    def statements(self, before, after):
        """CREATE or DROP, or nothing if only rules change."""
        if before["schema"] == after["schema"]:
            return []
        if after["schema"] is None:
            return [f"DROP SCHEMA {self._full_name}" + (" CASCADE" if before["schema"]["tables"] else "")]
        location = after["schema"].get("location")
        return [f"CREATE SCHEMA {self._full_name}" + (f" WITH (location = {literal(location)})" if location else "")]

    def apply(self, before, after):
        """The schema first when it comes, the rules first when it goes: nobody is ever let into what is not theirs."""
        if after["schema"] is not None:
            super().apply(before, after)
        if before.get("rules") != after.get("rules"):
            # Merged into what the file holds by now.
            self._rules(edit_rules, self.params["rules_file"], self._merged, self.params["timeout"])
        if after["schema"] is None:
            super().apply(before, after)

    def apply_all(self, items):
        """The same order: schemas that come, the rules of all in one go, schemas that go."""
        coming = [item for item in items if item.after["schema"] is not None]
        going = [item for item in items if item.after["schema"] is None]

        def run_statements(item) -> None:
            TrinoModule.apply(item, item.before, item.after)

        def merged(document: dict) -> dict:
            for item in ruled:
                document = item._merged(document)
            return document

        self.each(coming, run_statements, side_by_side=True)
        ruled = [i for i in items if not i.item["failed"] and i.before.get("rules") != i.after.get("rules")]
        if ruled:
            self._rules(edit_rules, self.params["rules_file"], merged, self.params["timeout"])
        self.each(going, run_statements, side_by_side=True)

    def _audience(self, before: dict, after: dict) -> tuple[list[str], list[str]]:
        """Users that have to see the schema when the rules are in force, and those that must not any more."""
        if "rules" not in after or after["schema"] is None:
            return [], []
        place = (self.params["catalog"], self.params["name"])
        now = users(after["rules"], *place)
        # Some other rule may let in a user that lost its own.
        gone = [u for u in users(before["rules"], *place) if u not in now and not sees(after["rules"], u, *place)]
        return now, gone

    def check(self, before, after):
        """Wait until Trino has read the rules, which it does by itself once in its refresh period."""
        now, gone = self._audience(before, after)

        def in_force() -> None:
            for user in now + gone:
                try:
                    seen, why = self._seen_by(user), "it is not there"
                except TrinoError as error:
                    if error.name != "PERMISSION_DENIED":
                        raise
                    seen, why = False, str(error)
                if seen != (user in now):
                    raise NotInForceError(f"{user} still sees the schema" if seen else f"for {user}: {why}")

        try:
            until_in_force(in_force)
        except NotInForceError as error:
            self.fail(self._not_in_force(str(error)))

    def check_all(self, items):
        """The same for those that changed, each user asked once in each catalog, until nobody is waited for.

        A user that can't be asked, since its statements are queued, is a fault of its schemas alone.
        """
        audience = [(item, *item._audience(item.before, item.after)) for item in items if item.item["changed"]]
        waiting: dict[int, str] = {}
        unknown: dict[int, str] = {}

        def in_force() -> None:
            pairs = {(item.params["catalog"], user) for item, now, gone in audience for user in now + gone}
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                seen = dict(zip(pairs, pool.map(lambda pair: self._schemas_of(*pair), pairs), strict=True))
            waiting.clear()
            for item, now, gone in audience:
                for user in now + gone:
                    found = seen[item.params["catalog"], user]
                    if isinstance(found, TrinoError) and found.name != "PERMISSION_DENIED":
                        unknown[id(item)] = f"{user} could not be asked: {found.name}"
                        continue
                    sees_it = not isinstance(found, TrinoError) and item.params["name"] in found
                    if sees_it and user in gone:
                        waiting[id(item)] = f"{user} still sees the schema"
                    elif not sees_it and user in now:
                        waiting[id(item)] = f"for {user}: {found if isinstance(found, TrinoError) else 'it is not there'}"
            audience[:] = [entry for entry in audience if id(entry[0]) in waiting and id(entry[0]) not in unknown]
            if audience:
                raise NotInForceError(f"{len(audience)} schemas")

        with contextlib.suppress(NotInForceError):
            until_in_force(in_force)
        self.each([i for i in items if id(i) in unknown], lambda item: item.fail(item._not_known(unknown[id(item)])))
        self.each([entry[0] for entry in audience], lambda item: item.fail(item._not_in_force(waiting[id(item)])))

    def _not_known(self, why: str) -> str:
        return (
            f"whether Trino took up the rules in {self.params['rules_file']} is not known ({why}): they are written, "
            "run again when that user has fewer statements under way"
        )

    def _not_in_force(self, why: str) -> str:
        return (
            f"Trino did not take up the rules in {self.params['rules_file']} ({why}): is that its security.config-file, "
            "with security.refresh-period set, and may this user ask in the name of others?"
        )

    def report(self):
        """The statements, and whether grants wait."""
        return super().report() | ({} if self.params["widen"] else {"held_back": self.held_back})

    def shown(self, state):
        """The state with one rule on a line; of several schemas each with its own."""
        text = f"schema: {json.dumps(state['schema'])}\n"
        if "rules" not in state:
            return text
        own = {} if self.item is None else own_rules(state["rules"], self.params["catalog"], self.params["name"])
        for section in own or ("catalogs", "schemas", "tables"):
            text += f"{section}:\n" + "".join(f"  {json.dumps(rule)}\n" for rule in (own or state["rules"])[section])
        return text


def main() -> None:
    """Entry point of the module."""
    Schema(
        {
            "catalog": {"type": "str"},
            "name": {"type": "str"},
            "location": {"type": "str"},
            "owner": {"type": "str"},
            "grants": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "user": {"type": "str"},
                    "group": {"type": "str"},
                    "everyone": {"type": "bool"},
                    "table": {"type": "str"},
                    "masks": {"type": "dict"},
                    "privileges": {
                        "type": "list",
                        "elements": "str",
                        "default": ["SELECT"],
                        "choices": ["SELECT", "INSERT", "DELETE", "UPDATE", "GRANT_SELECT"],
                    },
                },
                "required_one_of": [("user", "group", "everyone")],
                "mutually_exclusive": [("user", "group", "everyone")],
                "required_by": {"table": ["everyone"], "masks": ["table"]},
            },
            "widen": {"type": "bool", "default": True},
            "rules_file": {"type": "path"},
            "cascade": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        {"required_by": {"owner": ["rules_file"], "grants": ["rules_file"]}},
    ).run()


if __name__ == "__main__":
    main()
