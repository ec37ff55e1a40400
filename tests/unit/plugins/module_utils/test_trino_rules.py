# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Rules of Trino's file-based access control, and the file that many plays edit."""

import copy
import json
import os
import re
import threading

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import governance, patience, trino_rules
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import (
    KEEP,
    edit_rules,
    is_owned,
    may_read,
    merge,
    narrowed,
    read_rules,
    rebase,
    sees,
    users_named,
)

ADMIN = {
    "catalogs": [{"user": "admin", "allow": "all"}, {"catalog": "system", "allow": "read-only"}],
    "schemas": [{"user": "admin", "owner": True}],
    "tables": [{"user": "admin", "privileges": trino_rules.ALL_PRIVILEGES}],
    "queries": [{"allow": ["execute"]}],
}
PLACE = {"catalog": "lake", "schema": "sales"}


def added(document: dict, before: dict = ADMIN) -> dict:
    """The rules that ``before`` has not."""
    return {s: [r for r in document[s] if r not in before[s]] for s in ("catalogs", "schemas", "tables")}


def grant(user: str, *privileges: str) -> dict:
    return {"user": user, "group": None, "privileges": list(privileges) or ["SELECT"]}


def group(name: str, *privileges: str) -> dict:
    return {"user": None, "group": name, "privileges": list(privileges) or ["SELECT"]}


def test_an_owner_may_do_everything_there():
    assert added(merge(ADMIN, "lake", "sales", "ann")) == {
        "catalogs": [{"user": "ann", "catalog": "lake", "allow": "all"}],
        "schemas": [{"user": "ann", **PLACE, "owner": True}],
        "tables": [{"user": "ann", **PLACE, "privileges": trino_rules.ALL_PRIVILEGES}],
    }


def test_a_reader_only_reads():
    assert added(merge(ADMIN, "lake", "sales", grants=[grant("bob")])) == {
        "catalogs": [{"user": "bob", "catalog": "lake", "allow": "read-only"}],
        "schemas": [],
        "tables": [{"user": "bob", **PLACE, "privileges": ["SELECT"]}],
    }


def everyone(table: str | None = None, *privileges: str) -> dict:
    return {"everyone": True, "table": table, "privileges": list(privileges) or ["SELECT"]}


def test_everyone_reads_what_is_published():
    merged = merge(ADMIN, "lake", "sales", "ann", [everyone(), grant("bob", "SELECT", "INSERT"), group("team")])
    assert added(merged)["catalogs"] == [
        {"user": "ann", "catalog": "lake", "allow": "all"},
        {"user": "bob", "catalog": "lake", "allow": "all"},
        {"group": "team", "catalog": "lake", "allow": "read-only"},
        {"user": ".*", "catalog": "lake", "allow": "read-only"},
    ]
    # Who may do more is asked about first.
    named = [(r.get("user"), r.get("group"), r["privileges"]) for r in added(merged)["tables"][1:]]
    assert named == [("bob", None, ["INSERT", "SELECT"]), (None, "team", ["SELECT"]), (".*", None, ["SELECT"])]
    assert merge(merged, "lake", "sales") == merged
    assert may_read(merged, "eve", "lake", "sales", "t") is None  # she may be in the team, which reads as well
    assert not may_read(merged, "eve", "lake", "stock", "t")


def test_everyone_reads_one_table_and_no_other():
    merged = merge(ADMIN, "lake", "sales", "ann", [everyone("daily.totals")])
    rule = {"user": ".*", **PLACE, "table": "daily\\.totals", "privileges": ["SELECT"]}
    assert added(merged)["tables"][1:] == [rule]
    assert [may_read(merged, "eve", "lake", "sales", t) for t in ("daily.totals", "dailyXtotals", "t")] == [True, False, False]
    assert may_read(merged, "ann", "lake", "sales", "daily.totals")
    assert merge(merged, "lake", "sales", KEEP, []) == merge(ADMIN, "lake", "sales", "ann")


HIDDEN = [{"name": "$partition", "allow": False}, {"name": "$path", "allow": False}]
MASKS = {"Mail": "hash", 'a"b': "empty"}


def masked(document: dict, table: str) -> list[dict]:
    """What the first rule that matches says of the columns that somebody else sees, as Trino looks for them."""
    asked = {"user": "eve", **PLACE, "table": table}
    [first, *_] = [r for r in document["tables"] if all(re.fullmatch(r.get(k, ".*"), name) for k, name in asked.items())]
    return first.get("columns", [])


def test_everyone_sees_masks():
    merged = merge(ADMIN, "lake", "sales", "ann", [everyone(), everyone("people") | {"masks": MASKS}, everyone("daily")])
    assert masked(merged, "people") == [
        *HIDDEN,
        {"name": 'a"b', "mask": "NULL"},
        {"name": "mail", "mask": 'lower(to_hex(sha256(to_utf8("mail"))))'},
    ]
    assert masked(merged, "daily") == masked(merged, "other") == []
    # The owner's rule is the first that matches the owner.
    [first, *_] = [r for r in merged["tables"] if re.fullmatch(r["user"], "ann")]
    assert first == {"user": "ann", **PLACE, "privileges": trino_rules.ALL_PRIVILEGES}
    assert may_read(merged, "eve", "lake", "sales", "people")


def test_masks_come_change_and_go():
    def of(masks: dict | None) -> dict:
        return merge(plain, "lake", "sales", KEEP, [everyone("people") | {"masks": masks}])

    plain = merge(merge(ADMIN, "lake", "stock", "bob", [everyone()]), "lake", "sales", "ann", [everyone()])
    once = of(MASKS)
    assert merge(once, "lake", "sales") == once
    assert merge(once, "lake", "sales", KEEP, [everyone("people") | {"masks": MASKS}]) == once
    assert merge(once, "lake", "sales", KEEP, [everyone("people") | {"masks": {"mail": "empty"}}]) == of({"mail": "empty"})
    assert [c["mask"] for c in masked(of({"mail": "empty"}), "people") if "mask" in c] == ["NULL"]
    assert masked(of(None), "people") == []
    assert merge(once, "lake", "sales", KEEP, [everyone()]) == plain
    assert merge(once, "lake", "sales", None, []) == merge(ADMIN, "lake", "stock", "bob", [everyone()])


OPEN = [{"everyone": True, "table": name, "privileges": ["SELECT"]} for name in ("daily", "people")]
ALL = [{"everyone": True, "privileges": ["SELECT"]}]


def masking(**masks: str) -> list[dict]:
    return [OPEN[0], OPEN[1] | {"masks": masks}]


@pytest.mark.parametrize(
    ("held", "wanted", "given"),
    [
        ([], ALL, []),
        (ALL, [], []),
        (ALL, ALL, ALL),
        (OPEN[:1], OPEN, OPEN[:1]),
        (OPEN, OPEN[1:], OPEN[1:]),
        # What one masks is masked, in whichever form both were said.
        (ALL, masking(mail="hash"), masking(mail="hash")),
        (masking(mail="hash"), ALL, masking(mail="hash")),
        (masking(mail="hash"), OPEN, masking(mail="hash")),
        (masking(mail="hash"), masking(born="empty"), masking(mail="hash", born="empty")),
        (masking(mail="empty"), masking(MAIL="hash"), masking(mail="empty")),
        ([grant("bob"), group("team")], [grant("bob", "SELECT", "INSERT"), grant("eve"), grant("team")], [grant("bob")]),
    ],
)
def test_nobody_gets_more_than_both_give(held, wanted, given):
    before = merge(ADMIN, "lake", "sales", "ann", held)
    after = merge(before, "lake", "sales", grants=narrowed(before, "lake", "sales", wanted))
    assert after == merge(ADMIN, "lake", "sales", "ann", given)
    assert narrowed(after, "lake", "sales", wanted) == narrowed(before, "lake", "sales", wanted)


def test_a_column_is_named_once():
    """Else Trino takes the whole file for none of its own."""
    merged = merge(
        ADMIN, "lake", "sales", "ann", [everyone("people") | {"masks": {"mail": "hash", "MAIL": "empty", "$path": "hash"}}]
    )
    assert masked(merged, "people") == [*HIDDEN, {"name": "mail", "mask": "NULL"}]
    assert merge(merged, "lake", "sales") == merged


def test_a_mask_stands_before_what_an_administrator_opens_to_all():
    """What everyone may read anyway they may not read without the mask, once there is one."""
    opened = ADMIN | {"tables": [*ADMIN["tables"], {"catalog": "lake", "privileges": ["SELECT"]}]}
    merged = merge(opened, "lake", "sales", "ann", [everyone("people") | {"masks": {"mail": "hash"}}])
    assert [r for r in merged["tables"] if "columns" in r] == merged["tables"][2:3]
    assert merged["tables"][-1] == opened["tables"][-1]


@pytest.mark.parametrize(
    "columns",
    [
        [{"name": "mail", "mask": "'x'"}],
        [{"name": "mail", "mask": "NULL"}],
        [*HIDDEN, {"name": "mail", "mask": 'lower(to_hex(sha256(to_utf8("other"))))'}],
        HIDDEN,
        [],
        [{"mask": "NULL"}],
        ["mail"],
        {"name": "mail"},
    ],
)
def test_masks_by_hand_are_not_ours(columns):
    rule = {"user": ".*", **PLACE, "table": "people", "privileges": ["SELECT"], "columns": columns}
    assert not is_owned("tables", rule)
    by_hand = ADMIN | {"tables": [*ADMIN["tables"], rule]}
    merged = merge(by_hand, "lake", "sales", "ann", [everyone("people") | {"masks": {"mail": "hash"}}])
    assert rule in merged["tables"]
    assert merge(merged, "lake", "sales", None, [])["tables"] == by_hand["tables"]


def test_masks_outlast_another_base():
    published = merge(ADMIN, "lake", "sales", "ann", [everyone(), everyone("people") | {"masks": MASKS}])
    assert added(rebase(published, BOSS), BOSS) == added(published)
    assert rebase(rebase(published, BOSS), ADMIN) == published


def test_the_words_are_those_that_pipelines_may_say():
    assert tuple(trino_rules.MASKS) == governance.MASKS


def test_nobody_is_narrowed_by_what_everyone_may():
    """Rules of users who come later stand before it: the first that matches counts."""
    published = merge(ADMIN, "lake", "sales", "ann", [everyone()])
    later = merge(published, "lake", "stock", "bob")
    catalogs = added(later)["catalogs"]
    assert catalogs[-1] == {"user": ".*", "catalog": "lake", "allow": "read-only"}
    assert {"user": "bob", "catalog": "lake", "allow": "all"} in catalogs
    assert merge(later, "lake", "stock") == later


def test_what_is_no_longer_published_takes_nothing_with_it():
    """A reader by name stays one, and an owner that goes leaves no rule, whatever everyone may or might."""
    published = merge(ADMIN, "lake", "sales", "ann", [everyone()])
    reader = merge(published, "lake", "stock", "ann", [grant("bob")])
    withdrawn = merge(reader, "lake", "sales", KEEP, [])
    assert may_read(withdrawn, "bob", "lake", "stock", "t")
    assert not may_read(withdrawn, "bob", "lake", "sales", "t")
    assert '".*"' not in json.dumps(withdrawn)
    assert merge(merge(published, "lake", "stock", "eve"), "lake", "stock", None, []) == published


def test_rules_for_everyone_outlast_another_base():
    published = merge(ADMIN, "lake", "sales", "ann", [everyone(), everyone("t")])
    changed = rebase(published, BOSS)
    assert added(changed, BOSS) == added(published)
    assert rebase(changed, ADMIN) == published


def test_everyone_is_asked_as_somebody_without_a_rule():
    published = merge(ADMIN, "lake", "sales", "ann", [everyone("t")])
    assert trino_rules.users(published, "lake", "sales") == [trino_rules.ANYBODY, "ann"]
    assert sees(published, trino_rules.ANYBODY, "lake", "sales")
    assert not sees(published, trino_rules.ANYBODY, "lake", "stock")


def test_the_document_given_is_not_changed():
    before = copy.deepcopy(ADMIN)
    merge(before, "lake", "sales", "ann", [grant("bob")])
    assert before == ADMIN


@pytest.mark.parametrize(
    ("owner", "grants"),
    [("ann", [grant("bob"), group("team", "INSERT", "SELECT")]), ("ann", []), ("", [grant("bob")]), ("admin", [])],
)
def test_merging_twice_changes_nothing(owner, grants):
    once = merge(ADMIN, "lake", "sales", owner, grants)
    assert merge(once, "lake", "sales", owner, grants) == once
    assert merge(once, "lake", "sales") == once


def test_what_is_not_given_stays():
    both = merge(ADMIN, "lake", "sales", "ann", [grant("bob")])
    other_owner = merge(both, "lake", "sales", "eve", KEEP)
    assert added(other_owner)["tables"][1:] == [{"user": "bob", **PLACE, "privileges": ["SELECT"]}]
    no_grants = merge(both, "lake", "sales", KEEP, [])
    assert added(no_grants)["schemas"] == [{"user": "ann", **PLACE, "owner": True}]


def test_removing_leaves_what_was():
    assert merge(merge(ADMIN, "lake", "sales", "ann", [grant("bob"), group("team")]), "lake", "sales", None, []) == ADMIN


def test_a_catalog_rule_stays_while_another_schema_needs_it():
    both = merge(merge(ADMIN, "lake", "sales", "ann"), "lake", "stock", "ann")
    left = merge(both, "lake", "sales", None, [])
    assert added(left)["catalogs"] == [{"user": "ann", "catalog": "lake", "allow": "all"}]
    assert merge(left, "lake", "stock", None, []) == ADMIN


def test_rules_of_others_are_not_touched():
    mine = [
        {"user": "ann", **PLACE, "table": "secret", "privileges": []},
        {"user": "eve", "catalog": "lake", "schema": "sales_2", "privileges": ["SELECT"]},
        {"user": "eve", "group": "team", **PLACE, "privileges": ["SELECT"]},
    ]
    document = {**ADMIN, "tables": ADMIN["tables"] + mine}
    merged = merge(merge(document, "lake", "sales", "ann", [grant("bob")]), "lake", "sales", None, [])
    assert merged["tables"] == document["tables"]


def test_ours_stand_before_a_rule_that_would_catch_their_user_first():
    nothing = {"catalog": "lake", "privileges": []}
    document = {**ADMIN, "tables": [*ADMIN["tables"], nothing]}
    merged = merge(document, "lake", "sales", grants=[grant("bob")])
    assert merged["tables"].index(nothing) == len(merged["tables"]) - 1
    # An administrator put it in front later: ours move there again.
    moved = {**merged, "tables": [nothing, *(r for r in merged["tables"] if r != nothing)]}
    assert merge(moved, "lake", "sales") != moved


def test_an_owner_whom_a_wider_rule_gives_all_needs_none():
    assert merge(ADMIN, "lake", "sales", "admin") == ADMIN


def test_users_before_groups_and_wider_groups_first():
    merged = merge(ADMIN, "lake", "sales", grants=[group("a"), group("b", "SELECT", "INSERT"), grant("bob")])
    assert [(r.get("user"), r.get("group")) for r in added(merged)["tables"]] == [("bob", None), (None, "b"), (None, "a")]


def test_names_are_matched_as_they_are():
    merged = merge(ADMIN, "lake", "a.b$c", "x+y")
    assert added(merged)["schemas"] == [{"user": "x\\+y", "catalog": "lake", "schema": "a\\.b\\$c", "owner": True}]
    assert trino_rules.users(merged, "lake", "a.b$c") == ["x+y"]
    assert trino_rules.users(merged, "lake", "aXb$c") == []


@pytest.mark.parametrize(("user", "expected"), [("admin", True), ("ann", True), ("bob", True), ("eve", False)])
def test_who_may_see_it(user, expected):
    assert sees(merge(ADMIN, "lake", "sales", "ann", [grant("bob")]), user, "lake", "sales") is expected


BOSS = {
    "catalogs": [{"user": "boss", "allow": "owner"}],
    "schemas": [{"user": "boss", "owner": True}],
    "tables": [
        {"user": "boss", "privileges": trino_rules.ALL_PRIVILEGES},
        {"catalog": "system", "schema": "runtime", "table": "nodes|queries", "privileges": ["SELECT"]},
    ],
    "system_information": [{"user": "boss", "allow": ["read"]}],
}


@pytest.fixture
def deployed():
    """Rules of two schemas beside the base."""
    one = merge(ADMIN, "lake", "sales", "ann", [grant("bob"), group("team", "INSERT", "SELECT")])
    return merge(one, "lake", "stock", "ann")


def test_another_base_takes_the_place_of_all_but_the_rules_of_schemas(deployed):
    changed = rebase(deployed, BOSS)
    assert added(changed, BOSS) == added(deployed)
    assert {**changed, **{s: BOSS[s] for s in ("catalogs", "schemas", "tables")}} == BOSS
    for place in (("lake", "sales"), ("lake", "stock")):
        assert merge(changed, *place) == changed
    assert rebase(changed, ADMIN) == deployed


def test_the_base_that_is_there_changes_nothing(deployed):
    assert rebase(deployed, ADMIN) == deployed


def test_what_was_written_by_hand_into_the_base_goes(deployed):
    by_hand = {**deployed, "tables": [{"user": "eve.*", **PLACE, "privileges": ["SELECT"]}, *deployed["tables"]], "extra": []}
    assert rebase(by_hand, ADMIN) == deployed


def test_rules_of_schemas_stand_before_a_base_rule_that_would_catch_their_user_first(deployed):
    nothing = {"catalog": "lake", "privileges": []}
    secret = {"user": "ann", **PLACE, "table": "secret", "privileges": []}
    base = {**ADMIN, "tables": [*ADMIN["tables"], secret, nothing]}
    changed = rebase(deployed, base)
    # But after a finer one, which is there to come first.
    assert changed["tables"] == [*ADMIN["tables"], secret, *added(deployed)["tables"], nothing]
    assert rebase(changed, base) == changed
    assert merge(changed, "lake", "sales") == changed


def test_the_rules_of_one_schema_keep_their_order(deployed):
    """Users before groups: a base rule that catches the group and not the user must not part them."""
    base = {**ADMIN, "tables": [{"user": "[^b].*", "privileges": []}]}
    named = [(r.get("user"), r.get("group")) for r in rebase(deployed, base)["tables"] if r.get("schema") == "sales"]
    assert named == [("ann", None), ("bob", None), (None, "team")]


@pytest.mark.parametrize(
    ("section", "rule", "owned"),
    [
        ("tables", {"user": "ann", **PLACE, "privileges": []}, True),
        ("tables", {"user": "a\\.b", **PLACE, "privileges": []}, True),
        ("tables", {"user": "ann|eve", **PLACE, "privileges": []}, False),
        ("tables", {"user": "ann", "catalog": "lake", "schema": ".*", "privileges": []}, False),
        ("tables", {"user": "ann", **PLACE, "table": "t", "privileges": []}, False),
        ("tables", {"user": "ann", "group": "team", **PLACE, "privileges": []}, False),
        ("tables", {**PLACE, "privileges": []}, False),
        ("schemas", {"group": "team", **PLACE, "owner": True}, True),
        ("schemas", {"user": "ann", "owner": True}, False),
        ("tables", {"user": ".*", **PLACE, "privileges": []}, True),
        ("tables", {"user": ".*", **PLACE, "table": "t", "privileges": []}, True),
        ("tables", {"user": ".*", **PLACE, "table": "t.*", "privileges": []}, False),
        ("tables", {"user": ".*", **PLACE, "filter": "a = 1", "privileges": []}, False),
        ("tables", {"user": ".*", "privileges": []}, False),
        ("catalogs", {"user": ".*", "catalog": "lake", "allow": "read-only"}, True),
        ("catalogs", {"user": ".*", "allow": "all"}, False),
        ("catalogs", {"user": "ann", "catalog": "lake", "allow": "all"}, True),
        ("catalogs", {"user": "ann", "allow": "all"}, False),
        ("catalogs", {"catalog": "lake", "allow": "all"}, False),
    ],
)
def test_which_rules_belong_to_a_schema(section, rule, owned):
    assert is_owned(section, rule) is owned


def test_what_merge_writes_belongs_to_its_schema(deployed):
    assert all(is_owned(section, rule) for section, rules in added(deployed).items() for rule in rules)


def test_the_users_that_the_base_names(deployed):
    document = merge(deployed, "lake", "sales", "zoe")
    document["tables"] += [{"user": "a|b", "privileges": []}, {"user": "x\\-y\\.z", "privileges": []}]
    assert users_named(document) == {"admin", "x-y.z"}


@pytest.mark.parametrize(("user", "expected"), [("boss", True), ("admin", False), ("ann", False)])
def test_who_may_read_a_table(deployed, user, expected):
    document = rebase(deployed, {**BOSS, "catalogs": [*BOSS["catalogs"], {"catalog": "system", "allow": "read-only"}]})
    assert may_read(document, user, "system", "runtime", "tasks") is expected
    assert may_read(document, user, "system", "runtime", "nodes") is True


def test_who_may_read_a_table_can_depend_on_groups():
    document = {**BOSS, "tables": [{"group": "team", "privileges": []}, *BOSS["tables"]]}
    assert may_read(document, "boss", "system", "runtime", "tasks") is None


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(ADMIN))
    path.chmod(0o640)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist: give the coordinator's security.config-file"),
        ("{", "can't be read as JSON"),
        ("[]", "has to be an object with the lists"),
        ('{"catalogs": [], "schemas": []}', "has to be an object with the lists"),
    ],
)
def test_a_file_that_is_not_what_trino_takes(rules, text, message):
    rules.unlink() if text is None else rules.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rules(str(rules))


def test_the_file_keeps_its_mode_and_nothing_lies_beside_it(rules):
    edit_rules(str(rules), lambda d: merge(d, "lake", "sales", "ann"), 1)
    assert rules.stat().st_mode & 0o7777 == 0o640
    assert os.listdir(rules.parent) == ["rules.json"]
    assert json.loads(rules.read_text()) == merge(ADMIN, "lake", "sales", "ann")


def test_a_file_that_is_missing_is_made_if_it_may_be(rules):
    rules.unlink()
    nothing = {"catalogs": [], "schemas": [], "tables": []}
    edit_rules(str(rules), lambda d: d, 1, missing=nothing)
    assert (json.loads(rules.read_text()), rules.stat().st_mode & 0o7777) == (nothing, 0o600)


def test_a_link_stays_a_link(rules, tmp_path_factory):
    link = tmp_path_factory.mktemp("etc") / "rules.json"
    link.symlink_to(rules)
    edit_rules(str(link), lambda d: merge(d, "lake", "sales", "ann"), 1)
    assert link.is_symlink()
    assert added(json.loads(rules.read_text()))["schemas"]


def test_no_difference_is_no_write(rules):
    before = rules.stat()
    edit_rules(str(rules), lambda d: d, 1)
    assert (rules.stat().st_ino, rules.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_edit_that_fails_leaves_all_as_it_was(rules, monkeypatch):
    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        edit_rules(str(rules), lambda d: merge(d, "lake", "sales", "ann"), 1)
    assert os.listdir(rules.parent) == ["rules.json"]
    assert json.loads(rules.read_text()) == ADMIN


def test_edits_at_once_all_land(rules, monkeypatch):
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    names = [f"schema_{i}" for i in range(12)]
    together = threading.Barrier(len(names))

    def edit(name):
        together.wait()
        edit_rules(str(rules), lambda d: merge(d, "lake", name, f"owner_of_{name}"), 10)

    threads = [threading.Thread(target=edit, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r["schema"] for r in added(read_rules(str(rules)))["schemas"]) == sorted(names)


def test_a_lock_that_is_held_too_long(rules):
    def while_locked(document):
        with pytest.raises(ValueError, match="another play holds the lock"):
            edit_rules(str(rules), lambda d: d, 0)
        return document

    edit_rules(str(rules), while_locked, 1)
