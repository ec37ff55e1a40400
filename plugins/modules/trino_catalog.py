#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: trino_catalog
short_description: Manage a catalog of a running Trino
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Creates, changes or removes a catalog by SQL, without a restart. Trino has to run with C(catalog.management=dynamic)
    and C(catalog.store=file).
  - There is no SHOW CREATE CATALOG, so what a catalog is made of is read from the coordinator's store.
    The module runs on that host, as a user that may read it.
  - A change is DROP and CREATE. Catalogs of Iceberg, Delta Lake and Hive leave resources behind when dropped, so nothing is
    ever dropped unless something changed, and then a warning says that a restart frees them.
  - A catalog that Trino could not build, at its start or because its creation was interrupted, is made anew.
  - What was created is asked for its schemas. If it can't tell, the module fails and the catalog is as it was before.
extends_documentation_fragment: foss_data.platform.trino
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the properties before and after. They hold no secrets.
    support: full
options:
  name:
    description: Name of the catalog.
    type: str
    required: true
  connector:
    description: Name of the connector. Required if O(state=present).
    type: str
  properties:
    description:
      - Properties of the catalog, all of them. A secret has to be given as C(${ENV:NAME}), a variable in the environment of
        Trino, because the statement's text lands in Trino's log and web interface.
    type: dict
    default: {}
  store_dir:
    description: The coordinator's C(catalog.config-dir).
    type: path
    required: true
  state:
    description: Whether it is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: A catalog over a PostgreSQL database
  foss_data.platform.trino_catalog:
    user: admin
    name: warehouse
    connector: postgresql
    properties:
      connection-url: jdbc:postgresql://127.0.0.1:5432/warehouse
      connection-user: trino
      connection-password: ${ENV:WAREHOUSE_PASSWORD}
    store_dir: /var/lib/trino/catalog

- name: No such catalog
  foss_data.platform.trino_catalog:
    user: admin
    name: warehouse
    store_dir: /var/lib/trino/catalog
    state: absent
"""

RETURN = r"""
statements:
  description: What was run, or would be.
  returned: always
  type: list
  elements: str
  sample: ['CREATE CATALOG "tpch" USING tpch']
"""

import os
import re

from ansible_collections.foss_data.platform.plugins.module_utils.java_properties import parse_properties
from ansible_collections.foss_data.platform.plugins.module_utils.trino import TrinoError, TrinoModule, identifier, literal

LEAKS = ("iceberg", "delta_lake", "hive")
CONNECTOR = "connector.name"
# How the names of properties end whose values nobody else may know.
SECRET = re.compile(
    r"(?:pass(?:word|wd|phrase)|secret|token|credentials?|(?:access|account|api|customer|json|private|secret|shared|credentials)-key)$"
)
SECRET_IN_ADDRESS = re.compile(r"://[^/?#@\s:]*:[^/?#@\s]+@|[?&;](?:password|pwd|secret|token)=[^&;]", re.IGNORECASE)
REFERENCE = re.compile(r"\$\{\w+:[^}]+\}")


def text_of(value: object) -> str:
    """A property's value as Trino writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def literal_secrets(properties: dict[str, str]) -> list[str]:
    """Names of the properties whose value looks like a secret and is not a reference to one."""
    return sorted(
        name
        for name, value in properties.items()
        if (value and SECRET.search(name.lower()) and not REFERENCE.fullmatch(value))
        or SECRET_IN_ADDRESS.search(REFERENCE.sub("", value))
    )


def create_catalog(name: str, stored: dict[str, str]) -> str:
    """The statement that makes a catalog of what stands in its file."""
    pairs = ", ".join(f"{identifier(k)} = {literal(v)}" for k, v in sorted(stored.items()) if k != CONNECTOR)
    # Trino takes a connector's name as it stands, quotes included: it is checked to be a plain word instead.
    return f"CREATE CATALOG {identifier(name)} USING {stored[CONNECTOR]}" + (f" WITH ({pairs})" if pairs else "")


class Catalog(TrinoModule):
    """A catalog. Its state: ``properties`` as in its file, the connector among them, and ``loaded``, whether Trino has it."""

    def read(self):
        """What the store says, and whether Trino could make a catalog of it."""
        name, self._fault = self.params["name"], None
        path = os.path.join(self.params["store_dir"], f"{name}.properties")
        try:
            with open(path, encoding="latin-1") as handle:
                properties = parse_properties(handle.read())
        except FileNotFoundError:
            properties = None
        except (OSError, ValueError) as error:
            self.fail(f"catalog {name}: {path} can't be read ({error}): run as a user that may, or mend it by hand")
        listed = self.client.rows(f"SELECT 1 FROM system.metadata.catalogs WHERE catalog_name = {literal(name)}")
        if listed and properties is None:
            self.fail(
                f"Trino has a catalog {name} that is not in {self.params['store_dir']}: it comes from elsewhere and is not "
                "touched. Give Trino's catalog.config-dir as store_dir, or choose another name"
            )
        if properties is None:
            return None
        if listed:
            try:
                self._ask()
            except TrinoError as error:
                self._fault = error
        loaded = bool(listed) and (self._fault is None or self._fault.name != "CATALOG_UNAVAILABLE")
        return {"properties": properties, "loaded": loaded}

    def wanted(self, before):
        """As given; leaves the module if it is as given and does not work."""
        if self.params["state"] == "absent":
            return None
        properties = {CONNECTOR: self.params["connector"], **{k: text_of(v) for k, v in self.params["properties"].items()}}
        after = {"properties": properties, "loaded": True}
        if before == after and self._fault:
            raise TrinoError(f"catalog {self.params['name']} is as it should be, but does not work. {self._fault}")
        return after

    def statements(self, before, after):
        """DROP and CREATE; the one removes the file too, if there is no more than that."""
        drop = f"DROP CATALOG IF EXISTS {identifier(self.params['name'])}"
        return ([drop] if before else []) + ([create_catalog(self.params["name"], after["properties"])] if after else [])

    def apply(self, before, after):
        """Make it so, or leave it as it was."""
        try:
            super().apply(before, after)
            if after:
                # Some connectors look at their settings only when they are used.
                self._ask()
        except TrinoError as error:
            raise TrinoError(
                f"catalog {self.params['name']}: {error} {self._put_back(before)}", error.name, error.query_id
            ) from error
        if before and before["loaded"] and before["properties"].get(CONNECTOR) in LEAKS:
            self.module.warn(
                f"catalog {self.params['name']} was dropped; Trino keeps some of its resources until it is restarted"
            )

    def _ask(self) -> None:
        self.client.run(f"SHOW SCHEMAS FROM {identifier(self.params['name'])}")

    def _put_back(self, before: dict | None) -> str:
        """The catalog as it was, and a sentence that says so."""
        try:
            self.client.run(f"DROP CATALOG IF EXISTS {identifier(self.params['name'])}")
            if before is None:
                return "Nothing was left behind."
            self.client.run(create_catalog(self.params["name"], before["properties"]))
            return "The catalog is as it was before."
        except TrinoError as error:
            return f"It could not be put back either, so that there is none now; mend that and run again. {error}"

    def shown(self, state):
        """The state as lines."""
        if state is None:
            return ""
        lines = [] if state["loaded"] else ["# Trino could not load it\n"]
        return "".join(lines + [f"{k}={v}\n" for k, v in sorted(state["properties"].items())])


def main() -> None:
    """Entry point of the module."""
    catalog = Catalog(
        {
            "name": {"type": "str", "required": True},
            "connector": {"type": "str"},
            "properties": {"type": "dict", "default": {}},
            "store_dir": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["connector"])],
    )
    name, properties = catalog.params["name"], catalog.params["properties"]
    if not re.fullmatch(r"[a-z0-9_$-]+", name):
        catalog.fail(f"catalog {name!r}: Trino takes small letters, digits and _ in the name of a catalog")
    connector = catalog.params["connector"] or ""
    if catalog.params["state"] == "present" and not re.fullmatch(r"\w+", connector, re.ASCII):
        catalog.fail(f"connector {connector!r}: that is no connector's name, such as iceberg or postgresql")
    if not os.path.isdir(catalog.params["store_dir"]):
        catalog.fail(
            f"store_dir {catalog.params['store_dir']} does not exist: give the coordinator's catalog.config-dir, on its host"
        )
    unfit = sorted(k for k, v in properties.items() if not isinstance(v, (str, int, float)) or k == CONNECTOR)
    if unfit:
        catalog.fail(f"catalog {name}: properties {', '.join(unfit)}: give a text or a number, and the connector as `connector`")
    secrets = literal_secrets({k: text_of(v) for k, v in properties.items()})
    if secrets:
        # Not in the answer, either.
        catalog.module.no_log_values.update(text_of(properties[k]) for k in secrets)
        catalog.fail(
            f"catalog {name}: {', '.join(secrets)} would be readable in Trino's log: give ${{ENV:NAME}} and put the value into "
            "Trino's environment"
        )
    catalog.run()


if __name__ == "__main__":
    main()
