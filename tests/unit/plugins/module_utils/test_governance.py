# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a pipeline has to say of its data: one line for each rule that is broken, none where all hold.

What dbt really writes is held against the rules by the pipelines' own tests (``tests/test_release.py``).
"""

import json
import os
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import governance

MANIFEST = {
    "name": "sales",
    "owner": {"team": "Sales", "email": "sales@example.org"},
    "retention_days": 365,
    "schemas": ["raw", "staging", "marts"],
}


def column(name: str, *, tags: tuple = (), **meta) -> dict:
    return {"name": name, "tags": list(tags), "meta": meta}


def table(kind: str, name: str, schema: str, *columns: dict, **other) -> dict:
    """A node as dbt's manifest has it, as far as the rules look."""
    return {
        "resource_type": kind,
        "unique_id": f"{kind}.sales.{name}",
        "name": name,
        "schema": f"sales_{schema}",
        "description": "Said.",
        "config": {"materialized": "table"} if kind != "source" else {},
        "columns": {one["name"]: one for one in columns},
        "tags": [],
        "meta": {},
        "source_name": "raw",
    } | other


def dbt_test(model: str, name: str, **arguments) -> dict:
    """A dbt test of a model."""
    metadata = {"name": name, "kwargs": {"model": "x", **arguments}}
    return {
        "resource_type": "test",
        "config": {},
        "test_metadata": metadata,
        "attached_node": f"model.sales.{model}",
        "schema": "sales_tests",
    }


def key_of(model: str, *columns: str) -> list[dict]:
    return [dbt_test(model, name, column_name=one) for one in columns for name in ("unique", "not_null")]


def parsed(*nodes: dict) -> dict:
    named = {f"{number}": node for number, node in enumerate(nodes)}
    return {
        "nodes": {name: node for name, node in named.items() if node["resource_type"] != "source"},
        "sources": {name: node for name, node in named.items() if node["resource_type"] == "source"},
    }


LICENSED = table("source", "orders", "raw", meta={"licence": "CC0-1.0"})
ORDERS = table("model", "orders", "marts", column("id"))
GOOD = [LICENSED, table("model", "stg_orders", "staging", description=""), ORDERS, *key_of("orders", "id")]


def said(*nodes: dict, **manifest) -> list[str]:
    return governance.faults(MANIFEST | manifest, parsed(*nodes))


def test_all_rules_hold():
    assert said(*GOOD) == []
    assert said(*GOOD, publishes=["marts"], retention_days="forever") == []
    assert said() == []


@pytest.mark.parametrize("owner", [{}, {"team": " ", "email": ""}])
def test_an_owner_is_stated(owner):
    first, second = said(*GOOD, owner=owner)
    assert first.startswith("pipeline.yml: `owner.team` is not stated")
    assert second.startswith("pipeline.yml: `owner.email` is not stated")


def test_retention_is_stated():
    manifest = {key: value for key, value in MANIFEST.items() if key != "retention_days"}
    [line] = governance.manifest_faults(manifest)
    assert line.startswith("pipeline.yml: `retention_days` is not stated: ")
    assert "`forever`" in line


def test_what_is_published_is_a_schema_of_its_own():
    [line] = governance.manifest_faults(MANIFEST | {"publishes": ["marts", "others"]})
    assert line.startswith("pipeline.yml: it publishes others, which is none of its `schemas`")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_mart_is_described(text):
    [line] = said(LICENSED, ORDERS | {"description": text}, *key_of("orders", "id"))
    assert line == "mart orders: it has no description: give it one beside its columns"


NO_KEY = "mart orders: no key of it is tested: "
EMPTY = "mart orders: its key may be empty: give {} the test not_null"


@pytest.mark.parametrize(
    ("tests", "line"),
    [
        ([], NO_KEY),
        ([dbt_test("orders", "not_null", column_name="id")], NO_KEY),
        ([dbt_test("orders", "accepted_values", column_name="id")], NO_KEY),
        ([dbt_test("others", "unique", column_name="id"), dbt_test("others", "not_null", column_name="id")], NO_KEY),
        ([dbt_test("orders", "unique", column_name="id")], EMPTY.format("id")),
        # Not the same column.
        ([dbt_test("orders", "unique", column_name="id"), dbt_test("orders", "not_null", column_name="day")], EMPTY.format("id")),
        ([dbt_test("orders", "unique_together", columns=["id", "day"])], EMPTY.format("day and id")),
        (
            [dbt_test("orders", "unique_together", columns=["id", "day"]), dbt_test("orders", "not_null", column_name="id")],
            EMPTY.format("day"),
        ),
        ([dbt_test("orders", "unique_together", columns=["a", "b"]), *key_of("orders", "a")], None),
        (
            [
                dbt_test("orders", "unique_combination_of_columns", combination_of_columns=["id", "day"]),
                dbt_test("orders", "not_null", column_name="id"),
                dbt_test("orders", "not_null", column_name="day"),
            ],
            None,
        ),
        # A second key may be empty.
        ([dbt_test("orders", "unique", column_name="mail"), *key_of("orders", "id")], None),
    ],
)
def test_a_key_of_each_mart_is_tested(tests, line):
    found = said(LICENSED, ORDERS, *tests)
    assert len(found) == bool(line)
    assert not line or found[0].startswith(line)


def test_the_rules_for_marts_hold_for_what_is_published_and_for_tables_alone():
    bare = table("model", "stg", "staging", description="")
    assert said(LICENSED, bare) == []
    assert len(said(LICENSED, bare, publishes=["staging"])) == 2
    assert said(LICENSED, bare | {"schema": "sales_marts", "config": {"materialized": "ephemeral"}}) == []


def test_the_licence_of_each_source_is_stated():
    bare = [table("source", name, "raw", meta=meta) for name, meta in (("a", {}), ("b", {"licence": " "}))]
    american = table("source", "c", "raw", meta={"license": "MIT"})
    other = table("source", "d", "raw", source_name="shop")
    first, second = said(*bare, american, other)
    assert first.startswith("source raw: the licence of a, b is not stated: ")
    assert second.startswith("source shop: the licence of d is not stated: ")
    # Another pipeline's table, read where it is published: its licence is that one's business.
    assert said(bare[0] | {"schema": "other_marts"}) == []


@pytest.mark.parametrize("kind", ["model", "seed", "snapshot", "source"])
@pytest.mark.parametrize("marked", [column("mail", tags=("pii",)), column("mail", pii=True)])
def test_what_is_about_persons_has_a_mask(kind, marked):
    about = table(kind, "people", "staging", marked, column("id"), meta={"licence": "own"})
    [line] = said(about)
    assert "column mail is tagged pii and has no mask" in line
    marked = marked | {"meta": marked["meta"] | {"mask": "hash"}}
    assert said(about | {"columns": {"mail": marked}}) == []


def test_what_is_about_persons_is_not_published():
    masked = column("mail", tags=("pii",), mask="hash")
    people = table("model", "people", "marts", column("id"), masked)
    assert said(people, *key_of("people", "id")) == []
    [line] = said(people, *key_of("people", "id"), publishes=["marts"])
    assert line.startswith("model people: its schema marts is published and its columns mail tagged pii")
    # The rows of the marts are not those that are published.
    assert said(people | {"schema": "sales_staging"}, publishes=["marts"]) == []


def test_a_tag_on_the_whole_table_is_not_overlooked():
    people = table("model", "people", "staging", column("id"), tags=["pii"])
    [line] = said(people)
    assert "tag those that are about persons" in line
    assert any("is published and its table tagged pii" in line for line in said(people, publishes=["staging"]))


def test_all_faults_of_a_pipeline_are_said_at_once_in_one_line_each():
    found = said(table("source", "x", "raw"), ORDERS | {"description": ""}, owner={}, publishes=["nothing"])
    assert len(found) == 6
    assert not [line for line in found if "\n" in line]


# -- of a prepared release


def release(folder: Path, content: str | None) -> Path:
    (folder / "release" / "dbt" / "target").mkdir(parents=True)
    if content is not None:
        (folder / "release" / governance.PARSED).write_text(content)
    return folder / "release"


def test_a_release(tmp_path):
    assert governance.release_faults(str(release(tmp_path, json.dumps(parsed(*GOOD)))), MANIFEST) == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"nodes": [], "sources": {}}',
        '{"nodes": {"a": 1}, "sources": {}}',
        '{"nodes": {"a": {"resource_type": "model"}}, "sources": {}}',
        '{"nodes": {}, "sources": {"a": {"resource_type": "source", "config": null}}}',
        "[" * 100_000,
    ],
)
def test_what_dbt_would_not_write_is_one_line(tmp_path, content):
    [line] = governance.release_faults(str(release(tmp_path, content)), MANIFEST)
    assert "what `dbt parse` writes" in line
    assert "\n" not in line


def test_it_reads_nothing_outside_the_release(tmp_path):
    """Root reads it, and a pipeline's code was at work there."""
    folder = release(tmp_path, None)
    (tmp_path / "secret").write_text(json.dumps(parsed()))
    (folder / governance.PARSED).symlink_to(tmp_path / "secret")
    [line] = governance.release_faults(str(folder), MANIFEST)
    assert "leads out of the release" in line


def test_it_does_not_wait_for_a_pipe_or_read_without_end(tmp_path, monkeypatch):
    folder = release(tmp_path, None)
    os.mkfifo(folder / governance.PARSED)
    assert len(governance.release_faults(str(folder), MANIFEST)) == 1
    (folder / governance.PARSED).unlink()
    (folder / governance.PARSED).write_text(json.dumps(parsed()))
    monkeypatch.setattr(governance, "LARGEST", 5)
    [line] = governance.release_faults(str(folder), MANIFEST)
    assert "larger than" in line


def test_the_laptop_has_the_same_rules(root):
    """One file: what a pipeline's own tests say is what the platform will say."""
    link = root / "pipelines" / "shared" / "utilities" / "pipeline_shared" / "governance.py"
    assert link.is_symlink()
    assert link.resolve() == root / "plugins" / "module_utils" / "governance.py"
