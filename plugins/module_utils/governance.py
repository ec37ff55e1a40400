# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The platform's rules for what a pipeline has to say of its data, held against its manifest and what ``dbt parse`` found.

The platform holds every release against them, whichever version of shared the pipeline carries. The pipeline's own tests do the
same on a laptop: ``pipeline_shared/governance.py`` is a link to this file. So it needs nothing but Python.
"""

from __future__ import annotations

import json
import os

PARSED = "dbt/target/manifest.json"
LARGEST = 64 << 20  # bytes; a project of a thousand models has 20 MB
MARTS = "marts"  # the schema that people use, published or not
PII = "pii"
TOGETHER = {"unique_together": "columns", "unique_combination_of_columns": "combination_of_columns"}  # test: its argument


def faults(manifest: dict, parsed: dict) -> list[str]:
    """A line for each rule that is broken, with what to do; empty if all hold.

    ``manifest`` is pipeline.yml, ``parsed`` dbt's manifest.json. Raises KeyError, TypeError or AttributeError if they are not.
    """
    schemas = {f"{manifest['name']}_{schema}": schema for schema in manifest["schemas"]}
    tables = [
        node
        for node in (*parsed["nodes"].values(), *parsed["sources"].values())
        if node["resource_type"] in ("model", "seed", "snapshot", "source") and node["config"].get("materialized") != "ephemeral"
    ]
    own = [table for table in tables if table["resource_type"] == "source" and table["schema"] in schemas]
    found = manifest_faults(manifest) + _licences(own)
    for table in sorted(tables, key=_name):
        schema = schemas.get(table["schema"])
        published = schema in manifest.get("publishes", [])
        if table["resource_type"] == "model" and (schema == MARTS or published):
            found += _mart(table, parsed["nodes"])
        found += _pii(table, schema if published else "")
    return found


def manifest_faults(manifest: dict) -> list[str]:
    """The lines of those rules for which the manifest is enough."""
    owner = manifest.get("owner", {})
    found = [
        f"pipeline.yml: `owner.{part}` is not stated: {why}"
        for part, why in (("team", "name the team that answers for it"), ("email", "say where the team is reached"))
        if not str(owner.get(part) or "").strip()
    ]
    if "retention_days" not in manifest:
        found.append("pipeline.yml: `retention_days` is not stated: say for how many days raw data is kept, or `forever`")
    unknown = [schema for schema in manifest.get("publishes", []) if schema not in manifest["schemas"]]
    return found + [
        f"pipeline.yml: it publishes {schema}, which is none of its `schemas`: add it there, or remove it" for schema in unknown
    ]


def release_faults(folder: str, manifest: dict) -> list[str]:
    """As ``faults``, of a prepared release. What its dbt is said to have found is the pipeline's word: it is read with care."""
    path = os.path.realpath(os.path.join(folder, PARSED))
    if not path.startswith(os.path.realpath(folder) + os.sep):
        return [f"{PARSED} leads out of the release: it has to be what `dbt parse` writes"]
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > LARGEST:
            return [f"{PARSED} is missing or larger than {LARGEST >> 20} MB: it has to be what `dbt parse` writes"]
        with open(path, encoding="utf-8") as file:
            return faults(manifest, json.load(file))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return [f"{PARSED} is not what `dbt parse` writes ({type(error).__name__}: {' '.join(str(error).split())[:200]})"]


def _name(table: dict) -> str:
    """As dbt's own references have it."""
    return f"{table['source_name']}.{table['name']}" if table["resource_type"] == "source" else table["name"]


def _licences(tables: list[dict]) -> list[str]:
    """Of each source, which mostly says it once for all its tables."""
    bare: dict[str, list[str]] = {}
    for table in tables:
        if not str(table["meta"].get("licence") or table["meta"].get("license") or "").strip():
            bare.setdefault(table["source_name"], []).append(table["name"])
    return [
        f"source {source}: the licence of {', '.join(sorted(names))} is not stated: give it `config: {{meta: {{licence: ...}}}}`"
        for source, names in sorted(bare.items())
    ]


def _mart(model: dict, nodes: dict) -> list[str]:
    """It is described, and a key of it is tested."""
    name, tested, together = model["name"], {}, []
    for test in nodes.values():
        metadata = test.get("test_metadata")
        if not metadata or test.get("attached_node") != model["unique_id"]:
            continue
        if metadata["name"] in TOGETHER:
            together.append(metadata["kwargs"][TOGETHER[metadata["name"]]])
        else:
            tested.setdefault(metadata["kwargs"].get("column_name"), set()).add(metadata["name"])
    there = {column for column, tests in tested.items() if "not_null" in tests}
    keys = [[column] for column, tests in tested.items() if "unique" in tests] + together
    found = [] if model["description"].strip() else [f"mart {name}: it has no description: give it one beside its columns"]
    if not keys:
        found.append(
            f"mart {name}: no key of it is tested: give one column the tests unique and not_null, or the model the test "
            "platform.unique_together and each of its columns not_null"
        )
    elif not any(there.issuperset(key) for key in keys):
        empty = sorted(set(keys[0]) - there)
        found.append(f"mart {name}: its key may be empty: give {' and '.join(empty)} the test not_null")
    return found


def _pii(table: dict, published: str) -> list[str]:
    """Columns about persons say what others may see of them; ``published`` is the table's schema if others may read it."""
    columns = [column for column in table["columns"].values() if PII in column["tags"] or column["meta"].get(PII)]
    kind, name = table["resource_type"], _name(table)
    found = [
        f"{kind} {name}: column {column['name']} is tagged {PII} and has no mask: say in its `meta` as what others see it, "
        "such as `mask: hash`"
        for column in columns
        if not str(column["meta"].get("mask") or "").strip()
    ]
    if PII in table["tags"] and not columns:
        found.append(f"{kind} {name}: it is tagged {PII} and none of its columns is: tag those that are about persons")
    if published and (columns or PII in table["tags"]):
        what = "columns " + ", ".join(column["name"] for column in columns) if columns else "table"
        found.append(
            f"{kind} {name}: its schema {published} is published and its {what} tagged {PII}; the platform can't mask yet: "
            "move it to a schema that is not published"
        )
    return found
