#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: pipeline_info
short_description: What there is of pipelines on their host, in Dagster and in the lake
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Owner, releases, last runs, schedule, tables with rows and bytes, freshness, memory and disk of each pipeline that was
    deployed on the host where the module runs, read from there and from the services. Nothing is changed.
  - A service that does not answer is no failure. What it would have told is null, and C(unknown) says why.
  - Rows and bytes of Iceberg tables come from their metadata, so that rows which deletes took out of their files count until the
    table is optimized; those of Delta Lake tables from a scan of their files' metadata.
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    description: There is no difference.
    support: none
options:
  names:
    description:
      - The pipelines. By default all that were deployed on the host.
      - One that is named is reported whether it was deployed or not, with whatever is left of it.
    type: list
    elements: str
  runs:
    description: How many of the last runs of each are listed.
    type: int
    default: 5
  dagster_url:
    description: Address of Dagster's webserver.
    type: str
    required: true
  trino:
    description: How to reach Trino.
    type: dict
    required: true
    suboptions:
      host:
        description: Host of the coordinator.
        type: str
        default: 127.0.0.1
      port:
        description: Its port.
        type: int
        default: 8443
      user:
        description: A user that may read all schemas.
        type: str
        required: true
      password:
        description: Its password, which is sent over TLS. Without one Trino is asked over plain HTTP.
        type: str
      ca_path:
        description: File of certificates that Trino's is checked against, in the place of the system's.
        type: path
      catalogs:
        description: The catalogs that pipelines have schemas in.
        type: list
        elements: str
        required: true
      rules_file:
        description: The coordinator's access rules, which say which schemas belong to a pipeline.
        type: path
        required: true
  timeout:
    description: Seconds to wait for a service that is starting, and for each statement of Trino's.
    type: int
    default: 10
requirements:
  - requests
  - trino >= 0.330
"""

EXAMPLES = r"""
- name: What there is of all pipelines
  foss_data.platform.pipeline_info:
    dagster_url: http://127.0.0.1:3000
    trino: {user: platform, catalogs: [iceberg, delta], rules_file: /etc/trino/rules.json}
  register: found
"""

RETURN = r"""
pipelines:
  description: The pipelines, by their names.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    deployed:
      description: Whether it is in service on this host.
      type: bool
    user:
      description: Its Linux user.
      type: str
    manifest:
      description: Its manifest; null if it is not deployed. Its owner and title are repeated beside.
      type: dict
    owner:
      description: Team and address of who answers for it.
      type: dict
    title:
      description: What people call it.
      type: str
    release:
      description: Id of the current release.
      type: str
    deployed_at:
      description: When that became the current one.
      type: str
      sample: "2026-11-24T20:40:00+00:00"
    releases:
      description: Ids of the releases that could run again, the last deployed first.
      type: list
      elements: str
    unit:
      description: State of its unit as systemd has it, and since when.
      type: dict
    memory:
      description: Bytes that its unit uses, and its ceiling. Null if it does not run, or has none.
      type: dict
    disk:
      description: Bytes of its releases, of the current one's environment (shared by all with the same lock), and of its home.
      type: dict
    schedule:
      description: State, cron, time zone, and when it is due next. Null if it has none.
      type: dict
    runs:
      description: The last runs, the newest first, each with C(run_id), C(job), C(status), C(created) and C(seconds).
      type: list
      elements: dict
    schemas:
      description: The schemas that belong to it, each with C(catalog) and C(name).
      type: list
      elements: dict
    tables:
      description:
        - The tables, each with C(catalog), C(schema), C(table), C(rows), C(bytes) and C(updated). Where a table can't be read the
          last three are null.
      type: list
      elements: dict
    freshness:
      description: When one of its tables was last written.
      type: str
    unknown:
      description: Why something is null, by service.
      type: dict
"""

import datetime
import json
import os
import re
import stat

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foss_data.platform.plugins.module_utils import dagster, trino
from ansible_collections.foss_data.platform.plugins.module_utils.current import current
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import Dagster, DagsterError
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_user import user_of
from ansible_collections.foss_data.platform.plugins.module_utils.releases import ENVIRONMENT, Records, usable
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError, identifier, literal
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import own_rules, pattern, read_rules

ROOT = "/"
TABLES_AT_ONCE = 8  # Trino takes a statement of 150 stages at the most, and each of them is a handful
# By table format the rows, bytes and last change of a table.
FACTS = {
    "iceberg": (
        "SELECT {s}, {t}, (SELECT coalesce(sum(record_count), 0) FROM {files} WHERE content = 0),"
        " (SELECT coalesce(sum(file_size_in_bytes), 0) FROM {files}), (SELECT max(committed_at) FROM {snapshots})"
    ),
    "delta": (
        "SELECT {s}, {t}, (SELECT count(*) FROM {table}), (SELECT coalesce(sum(bytes), 0) FROM"
        ' (SELECT max("$file_size") AS bytes FROM {table} GROUP BY "$path")), (SELECT max(timestamp) FROM {history})'
    ),
}


def moment(timestamp: float) -> str:
    """A time stamp as ISO 8601, in UTC."""
    return datetime.datetime.fromtimestamp(timestamp, datetime.timezone.utc).isoformat(timespec="seconds")  # noqa: UP017


def size(folder: str) -> int | None:
    """Bytes on disk of what is in a folder, what is linked there several times once; None if there is none."""
    if not os.path.isdir(folder):
        return None
    seen: dict[tuple[int, int], int] = {}
    for path, _folders, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(path, name))
            except FileNotFoundError:  # it may go meanwhile
                continue
            if stat.S_ISREG(found.st_mode):
                seen[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


def on_host(module: AnsibleModule, name: str) -> dict:
    """What the host has of a pipeline."""
    etc, srv = (os.path.join(ROOT, *parts, name) for parts in (("etc", "pipelines"), ("srv", "pipelines")))
    home = os.path.join(ROOT, "var", "lib", "pipelines", name)
    try:
        with open(os.path.join(etc, "manifest.json"), encoding="utf-8") as handle:
            known = json.load(handle)
    except FileNotFoundError:
        known = {"user": user_of(name), "manifest": None}
    manifest, release = known["manifest"], current(srv)
    properties = ["ActiveState", "StateChangeTimestamp", "MemoryCurrent", "MemoryMax"]
    _rc, out, _err = module.run_command(["systemctl", "show", f"--property={','.join(properties)}", f"pipeline@{name}.service"])
    unit = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    memory = {key: int(unit.get(key, "")) if unit.get(key, "").isdigit() else None for key in ("MemoryCurrent", "MemoryMax")}
    environment = os.path.join(srv, "releases", release, ENVIRONMENT)
    return {
        "name": name,
        "deployed": manifest is not None,
        "user": known["user"],
        "manifest": manifest,
        "owner": (manifest or {}).get("owner"),
        "title": (manifest or {}).get("title"),
        "release": release or None,
        "deployed_at": moment(os.lstat(os.path.join(srv, "current")).st_mtime) if release else None,
        "releases": [known for known in Records(os.path.join(etc, "proven")).releases() if usable(srv, known)],
        "unit": {"state": unit.get("ActiveState"), "since": unit.get("StateChangeTimestamp") or None},
        "memory": {"bytes": memory["MemoryCurrent"], "max_bytes": memory["MemoryMax"]},
        "disk": {
            "releases_bytes": size(os.path.join(srv, "releases")),
            "environment_bytes": size(os.path.realpath(environment)) if release else None,
            "home_bytes": size(home),
        },
    }


class InDagster:
    """What Dagster knows of pipelines."""

    def __init__(self, url: str, timeout: float, runs: int):
        self._dagster, self._runs = Dagster(url, timeout=timeout), runs
        self._schedules = self._dagster.schedules()

    def facts(self, name: str) -> dict:
        """``schedule`` and ``runs``. Raises DagsterError."""
        found = self._schedules.get(name, {}).get(f"{name}_schedule")
        runs = self._dagster.runs(self._runs, location=name)
        return {
            "schedule": found
            and {
                "state": found["scheduleState"]["status"].lower(),
                "cron": found["cronSchedule"],
                "timezone": found["executionTimezone"],
                "next": moment(found["next"]) if found["next"] else None,
            },
            "runs": [
                {**{key: run[key] for key in ("run_id", "job", "status", "seconds")}, "created": moment(run["created"])}
                for run in runs
            ],
        }


class InTrino:
    """What Trino knows of pipelines."""

    def __init__(self, options: dict, timeout: float):
        login = {key: options[key] for key in ("host", "port", "user", "password", "ca_path")}
        self._client = Client(**login, timeout=timeout)
        self._rules = read_rules(options["rules_file"])
        self._schemas = {
            catalog: sorted(row[0] for row in self._client.rows(f"SHOW SCHEMAS FROM {identifier(catalog)}"))
            for catalog in options["catalogs"]
        }

    def facts(self, name: str) -> dict:
        """``schemas``, those that belong to it, ``tables`` and ``freshness``. Raises TrinoError."""
        schemas = [
            {"catalog": catalog, "name": schema}
            for catalog, names in self._schemas.items()
            for schema in names
            if any(rule.get("user") == pattern(name) for rule in own_rules(self._rules, catalog, schema)["schemas"])
        ]
        faults: list[str] = []
        tables = [table for catalog in self._schemas for table in self._tables(catalog, schemas, faults)]
        return {
            "schemas": schemas,
            "tables": tables,
            "freshness": max((t["updated"] for t in tables if t["updated"]), default=None),
            "unknown": {"trino": "; ".join(faults)} if faults else {},
        }

    def _tables(self, catalog: str, schemas: list[dict], faults: list[str]) -> list[dict]:
        names = [schema["name"] for schema in schemas if schema["catalog"] == catalog]
        if not names:
            return []
        found = self._client.rows(
            f"SELECT table_schema, table_name FROM {identifier(catalog)}.information_schema.tables"
            f" WHERE table_type = 'BASE TABLE' AND table_schema IN ({', '.join(map(literal, names))}) ORDER BY 1, 2"
        )
        facts = []
        for at in range(0, len(found), TABLES_AT_ONCE):
            some = found[at : at + TABLES_AT_ONCE]
            queries = (facts_query(catalog, *table) for table in some)
            try:
                facts += self._client.rows(" UNION ALL ".join(queries) + " ORDER BY 1, 2")
            except TrinoError as error:
                # Without a name Trino did not say it. What one of them lacks the others have.
                if not error.name:
                    raise
                facts += [self._alone(catalog, *table, faults) for table in some]
        return [
            dict(zip(("catalog", "schema", "table", "rows", "bytes", "updated"), (catalog, *row), strict=True)) for row in facts
        ]

    def _alone(self, catalog: str, schema: str, table: str, faults: list[str]) -> list:
        try:
            return self._client.rows(facts_query(catalog, schema, table))[0]
        except TrinoError as error:
            if not error.name:
                raise
            faults.append(f"{catalog}.{schema}.{table}: {error}")
            return [schema, table, None, None, None]


def facts_query(catalog: str, schema: str, table: str) -> str:
    """The statement that gives rows, bytes and last change of a table."""
    place = f"{identifier(catalog)}.{identifier(schema)}"
    parts = {kind: f"{place}.{identifier(f'{table}${kind}')}" for kind in ("files", "snapshots", "history")}
    return FACTS[catalog].format(s=literal(schema), t=literal(table), table=f"{place}.{identifier(table)}", **parts)


def ask(service: str, make, names: list[str], missing: dict, faults: tuple) -> dict[str, dict]:
    """What a service knows of each pipeline; where it does not say, ``missing`` and why."""
    try:
        client = make()
    except faults as error:
        return {name: {**missing, "unknown": {service: str(error)}} for name in names}
    answers = {}
    for name in names:
        try:
            answers[name] = {"unknown": {}, **client.facts(name)}
        except faults as error:
            answers[name] = {**missing, "unknown": {service: str(error)}}
    return answers


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str"},
            "runs": {"type": "int", "default": 5},
            "dagster_url": {"type": "str", "required": True},
            "trino": {
                "type": "dict",
                "required": True,
                "options": {
                    "host": {"type": "str", "default": "127.0.0.1"},
                    "port": {"type": "int", "default": 8443},
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "no_log": True},
                    "ca_path": {"type": "path"},
                    "catalogs": {"type": "list", "elements": "str", "required": True},
                    "rules_file": {"type": "path", "required": True},
                },
            },
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    for library, error in (("requests", dagster.LIBRARY_ERROR), ("trino", trino.LIBRARY_ERROR)):
        if error:
            module.fail_json(msg=missing_required_lib(library), exception=error)
    p = module.params
    folder = os.path.join(ROOT, "etc", "pipelines")
    there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    names = p["names"] if p["names"] is not None else [n for n in there if os.path.exists(f"{folder}/{n}/manifest.json")]
    for name in names:
        # It becomes part of paths.
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,47}", name):
            module.fail_json(msg=f"names: {name!r} can't be the name of a pipeline")
    no_runs, no_tables = {"schedule": None, "runs": None}, {"schemas": None, "tables": None, "freshness": None}
    of_dagster = ask("dagster", lambda: InDagster(p["dagster_url"], p["timeout"], p["runs"]), names, no_runs, (DagsterError,))
    of_trino = ask("trino", lambda: InTrino(p["trino"], p["timeout"]), names, no_tables, (TrinoError, ValueError, OSError))
    pipelines = [
        {
            **on_host(module, name),
            **of_dagster[name],
            **of_trino[name],
            "unknown": {**of_dagster[name]["unknown"], **of_trino[name]["unknown"]},
        }
        for name in names
    ]
    module.exit_json(changed=False, pipelines=pipelines)


if __name__ == "__main__":
    main()
