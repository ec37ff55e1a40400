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
        "alias": name,
        "identifier": name,
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


PEOPLE = table("model", "people", "marts", column("id"), column("mail", tags=("pii",), mask="hash"))


def test_what_is_about_persons_is_published_with_its_mask():
    assert said(PEOPLE, *key_of("people", "id"), publishes=["marts"]) == []


@pytest.mark.parametrize("materialized", ["view", "materialized_view", "of_their_own"])
def test_what_is_published_is_a_table(materialized):
    """Trino finds no masks for a view's columns, and reads what is below it with the key of who asks."""
    view = table("model", "people", "marts", column("id"), config={"materialized": materialized})
    assert said(view, *key_of("people", "id")) == []
    [line] = said(view, *key_of("people", "id"), publishes=["marts"])
    assert line.startswith("model people: its schema marts is published, and others can't read what is no table")


@pytest.mark.parametrize("marked", [{"tags": ("pii",)}, {}])
@pytest.mark.parametrize("word", ["md5", "HASH", "lower(mail)", ["hash"], 7, {"a": "\n"}])
def test_a_mask_is_one_of_few_words(word, marked):
    [line] = said(table("model", "people", "staging", column("mail", mask=word, **marked)))
    assert "column mail has the mask" in line
    assert "say `mask: hash` or `mask: empty`" in line
    assert "\n" not in line


@pytest.mark.parametrize("word", [None, "", " ", False])
def test_no_word_is_no_mask(word):
    """In YAML `null` is none."""
    [line] = said(table("model", "people", "staging", column("mail", tags=("pii",), mask=word)))
    assert "has no mask" in line


@pytest.mark.parametrize(
    ("kind", "word", "fine"),
    [
        ("VARCHAR(20)", "hash", True),
        ("string", "hash", True),
        ("date", "hash", False),
        ("date", "empty", True),
        (None, "hash", True),
    ],
)
def test_a_sum_is_of_text(kind, word, fine):
    born = column("born", tags=("pii",), mask=word) | {"data_type": kind}
    found = said(table("model", "people", "staging", born))
    assert found == [] if fine else "column born is of type date and `mask: hash` is for text alone" in found[0]


def test_a_tag_on_the_whole_table_is_not_overlooked():
    people = table("model", "people", "staging", column("id"), tags=["pii"])
    [line] = said(people)
    assert "tag those that are about persons" in line
    assert said(people | {"columns": {"id": column("id", mask="hash")}}) == [line]


def test_all_faults_of_a_pipeline_are_said_at_once_in_one_line_each():
    found = said(table("source", "x", "raw"), ORDERS | {"description": ""}, owner={}, publishes=["nothing"])
    assert len(found) == 6
    assert not [line for line in found if "\n" in line]


# -- what others see


def masks(*nodes: dict, earlier: tuple = (), publishes: tuple = ("marts",)) -> dict:
    return governance.masks(MANIFEST | {"publishes": list(publishes)}, parsed(*nodes), [parsed(*one) for one in earlier])


def test_all_tables_of_a_schema_with_masks_are_named():
    assert masks(PEOPLE, ORDERS, LICENSED) == {"marts": {"people": {"mail": "hash"}, "orders": {}}}
    assert masks(PEOPLE, publishes=["raw"]) == {}
    assert masks(PEOPLE, publishes=[]) == {}
    # Where nothing is masked, nothing has to be named.
    assert masks(ORDERS) == {}


def test_a_table_has_the_name_that_trino_knows():
    people = PEOPLE | {"name": "people_model", "alias": "People", "schema": "SALES_MARTS"}
    people |= {"columns": {"Mail": column("Mail", tags=("pii",), mask="empty")}}
    assert masks(people) == {"marts": {"people": {"mail": "empty"}}}
    source = table("source", "x", "raw", column("mail", pii=True, mask="hash"), identifier="people_records")
    assert masks(source, publishes=["raw"]) == {"raw": {"people_records": {"mail": "hash"}}}
    assert masks(PEOPLE | {"config": {"materialized": "ephemeral"}}) == {}


@pytest.mark.parametrize(
    ("of", "word"),
    [
        (column("mail", mask="hash"), "hash"),
        (column("mail", tags=("pii",)), "empty"),
        (column("mail", pii=True, mask="md5"), "empty"),
        (column("mail", mask=["hash"]), "empty"),
    ],
)
def test_what_can_not_be_understood_shows_nothing(of, word):
    """A release that was taken once is not held against rules that are newer."""
    assert masks(table("model", "people", "marts", of)) == {"marts": {"people": {"mail": word}}}


def test_what_an_earlier_release_masks_stays_masked_until_a_later_one_says_otherwise():
    """It may be gone back to, and dbt leaves the table of a model that is no more."""
    left = table("model", "left", "marts", column("name", mask="hash"))
    shorter = PEOPLE | {"columns": {"id": column("id")}}
    assert masks(shorter, earlier=([PEOPLE, left],)) == {"marts": {"people": {"mail": "hash"}, "left": {"name": "hash"}}}
    assert masks(earlier=([left],)) == {"marts": {"left": {"name": "hash"}}}
    plain = PEOPLE | {"columns": {"mail": column("MAIL")}}
    assert masks(plain, earlier=([PEOPLE],)) == {}
    stricter = PEOPLE | {"columns": {"mail": column("mail", mask="empty")}}
    # Of earlier ones the newest.
    assert masks(shorter, earlier=([stricter], [PEOPLE], [plain])) == {"marts": {"people": {"mail": "empty"}}}


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


def test_the_masks_of_a_release(tmp_path):
    published = MANIFEST | {"publishes": ["marts"]}
    bare = table("model", "people", "marts", column("id"))
    now, before, bad = (
        str(release(tmp_path / name, text))
        for name, text in (("a", json.dumps(parsed(bare))), ("b", json.dumps(parsed(PEOPLE))), ("c", "{"))
    )
    assert governance.release_masks(before, published, []) == {"marts": {"people": {"mail": "hash"}}}
    assert governance.release_masks(now, published, [bad, before]) == {"marts": {"people": {"mail": "hash"}}}
    with pytest.raises(ValueError, match="is not what `dbt parse` writes"):
        governance.release_masks(bad, published, [])
    # Nobody reads it, so nobody has to know.
    assert governance.release_masks(bad, MANIFEST, []) == {}


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
