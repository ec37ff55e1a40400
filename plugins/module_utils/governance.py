# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The platform's rules for what a pipeline has to say of its data, held against its manifest and what ``dbt parse`` found.

The platform holds every release against them, whichever version of shared the pipeline carries. The pipeline's own tests do the
same on a laptop: ``pipeline_shared/governance.py`` is a link to this file. So it needs nothing but Python.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PARSED = "dbt/target/manifest.json"
LARGEST = 32 << 20  # bytes; a project of a thousand models and as many seeds and tests as it needs has 15 to 20 MB
MARTS = "marts"  # the schema that people use, published or not
PII = "pii"
MASKS = ("hash", "empty")  # as what others see a column: SHA-256 of the text, so that it can still be joined on, or NULL
# A view's columns are known by the letters of its SQL, so none is masked; and whoever asks reads what is below it with a key of
# their own, which reaches what is published alone.
PUBLISHED = ("table", "incremental", "seed", "snapshot")
TEXT = ("varchar", "string", "text")
TOGETHER = {"unique_together": "columns", "unique_combination_of_columns": "combination_of_columns"}  # test: its argument


def faults(manifest: dict, parsed: dict) -> list[str]:
    """A line for each rule that is broken, with what to do; empty if all hold.

    ``manifest`` is pipeline.yml, ``parsed`` dbt's manifest.json. Raises KeyError, TypeError or AttributeError if they are not.
    """
    schemas, tables, published = _schemas(manifest), _tables(parsed), _published(manifest)
    own = [table for table in tables if table["resource_type"] == "source" and _schema(table) in schemas]
    found = manifest_faults(manifest) + _licences(own)
    for table in sorted(tables, key=_name):
        schema = schemas.get(_schema(table))
        if table["resource_type"] == "model" and (schema == MARTS or schema in published):
            found += _mart(table, parsed["nodes"])
        found += _pii(table)
        if schema in published and table["resource_type"] != "source" and table["config"].get("materialized") not in PUBLISHED:
            found.append(
                f"{table['resource_type']} {_name(table)}: its schema {schema} is published, and others can't read what is no "
                "table: give it `materialized: table`, or move it to a schema that is not published"
            )
    return found


def masks(manifest: dict, parsed: dict, earlier: Iterable[dict] = ()) -> dict[str, dict[str, dict[str, str]]]:
    """What others see of the published schemas that hold data about persons: ``{schema: {table: {column: mask}}}``.

    Of such a schema all tables are named that dbt knows, those without a mask too: whatever else lies there is nobody's. What
    ``earlier`` releases masked stays so, newest first, unless a later one names that column without a mask: their tables may
    still be there, and they may be gone back to. What can't be understood is ``empty``. Raises as ``faults``.
    """
    schemas, published = _schemas(manifest), _published(manifest)
    found: dict[str, dict[str, dict[str, str]]] = {}
    said: set[tuple[str, str, str]] = set()
    for document in itertools.chain([parsed], earlier):
        for table in _tables(document):
            schema, name = schemas.get(_schema(table)), _relation(table)
            if schema not in published:
                continue
            masked = found.setdefault(schema, {}).setdefault(name, {})
            for column in table["columns"].values():
                key = (schema, name, column["name"].lower())
                if key not in said and _is_masked(column):
                    masked[key[2]] = column["meta"].get("mask") if column["meta"].get("mask") in MASKS else MASKS[-1]
                said.add(key)
    return {schema: tables for schema, tables in found.items() if any(tables.values())}


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
    """As ``faults``, of a prepared release."""
    try:
        return _of_release(faults, manifest, folder)
    except ValueError as error:
        return [str(error)]


def release_masks(folder: str, manifest: dict, earlier: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    """As ``masks``, of prepared releases; ``earlier`` ones that can't be read don't count. Raises ValueError in one line."""
    if not manifest.get("publishes"):
        return {}

    def those_before() -> Iterator[dict]:
        for other in earlier:
            # One that was taken before there were rules may be without.
            with contextlib.suppress(ValueError):
                yield _of_release(lambda _manifest, parsed: parsed, manifest, other)

    return _of_release(lambda manifest, parsed: masks(manifest, parsed, those_before()), manifest, folder)


def _of_release(rule: Callable[[dict, dict], Any], manifest: dict, folder: str) -> Any:
    """What ``rule`` makes of the manifest and of what dbt is said to have found, which is the pipeline's word: read with care.

    Raises ValueError in one line.
    """
    path = os.path.realpath(os.path.join(folder, PARSED))
    if not path.startswith(os.path.realpath(folder) + os.sep):
        raise ValueError(f"{PARSED} leads out of the release: it has to be what `dbt parse` writes")
    if not os.path.isfile(path) or os.path.getsize(path) > LARGEST:
        raise ValueError(f"{PARSED} is missing or larger than {LARGEST >> 20} MB: it has to be what `dbt parse` writes")
    try:
        with open(path, encoding="utf-8") as file:
            return rule(manifest, json.load(file))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{PARSED} is not what `dbt parse` writes ({type(error).__name__}: {said})") from error


def _tables(parsed: dict) -> list[dict]:
    """What is a table, or is read as one."""
    return [
        node
        for node in (*parsed["nodes"].values(), *parsed["sources"].values())
        if node["resource_type"] in ("model", "seed", "snapshot", "source") and node["config"].get("materialized") != "ephemeral"
    ]


def _schemas(manifest: dict) -> dict[str, str]:
    """By their full names those of the manifest."""
    return {f"{manifest['name']}_{schema}": schema for schema in manifest["schemas"]}


def _published(manifest: dict) -> set[str]:
    """The schemas that others may read."""
    return set(manifest.get("publishes", []))


def _schema(table: dict) -> str:
    """As Trino has it, in small letters."""
    return table["schema"].lower()


def _relation(table: dict) -> str:
    """The table's own name, as Trino has it."""
    return (table["identifier"] if table["resource_type"] == "source" else table["alias"]).lower()


def _is_personal(column: dict) -> bool:
    return PII in column["tags"] or bool(column["meta"].get(PII))


def _is_masked(column: dict) -> bool:
    """Whether others don't see it as it is, by whichever of both was said."""
    return _is_personal(column) or bool(column["meta"].get("mask"))


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


def _pii(table: dict) -> list[str]:
    """Columns about persons say what others may see of them."""
    kind, name = table["resource_type"], _name(table)
    columns = [column for column in table["columns"].values() if _is_masked(column)]
    found = [f"{kind} {name}: column {column['name']} {fault}" for column in columns if (fault := _mask_fault(column))]
    if PII in table["tags"] and not any(map(_is_personal, columns)):
        found.append(f"{kind} {name}: it is tagged {PII} and none of its columns is: tag those that are about persons")
    return found


def _mask_fault(column: dict) -> str:
    """What is wrong with the mask of a column; empty if nothing is."""
    mask, kind = column["meta"].get("mask"), str(column.get("data_type") or "").lower()
    if not str(mask or "").strip():
        return f"is tagged {PII} and has no mask: say in its `meta` as what others see it, such as `mask: hash`"
    if mask not in MASKS:
        return f"has the mask {mask!r}, which there is not: say `mask: hash` or `mask: empty`"
    if mask == "hash" and kind and not kind.startswith(TEXT):
        return f"is of type {kind} and `mask: hash` is for text alone: say `mask: empty`"
    return ""
