# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Rules of Trino's file-based access control: those that belong to one schema, all others, and the file that many plays edit.

How Trino reads the file (seen on 476): in each section the first rule that matches counts, what none matches is denied.
``user``, ``group``, ``catalog`` and ``schema`` are regular expressions over the whole name. Writing needs the catalog rule
``all``. A user sees a schema if any rule lets it do anything there.

What a schema owns (`merge`): rules in ``schemas`` and ``tables`` that name exactly one schema and one user or group and nothing
finer (columns, filter), and in ``catalogs`` those that name exactly one catalog and one user or group. They stand at the
end of the section, or before the first other rule that would catch their user first. All others are the base (`rebase`). Neither
changes or moves what is the other's.

Everyone is a user, too: the one whose expression is `EVERYONE`. Such rules come last, and may be for one table, some columns of
which are masked. A column's mask is looked for by its name, letter by letter, in the first rule that matches alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.trino import identifier

ALL_PRIVILEGES = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
READING = {"SELECT", "GRANT_SELECT"}
LEVELS = ("none", "read-only", "all", "owner")  # of a catalog rule, each includes the ones before
FINER = ("table", "columns", "filter", "filter_environment")
KEEP: Any = object()  # leave that part of the rules as it is
NOBODY = "\x00nobody"  # a name that only a rule for everybody matches
EVERYONE = ".*"  # the user of rules that a schema owns and that let everybody in
ANYBODY = "_anybody"  # a user who has no rule of its own: no owner's name begins like this
# By its word what everyone sees of a column. A rule whose mask is none of these is taken for somebody else's: a word never gets
# another text, and new text needs a new word. None may hold a secret, which EXPLAIN would show.
MASKS = {"hash": "lower(to_hex(sha256(to_utf8({}))))", "empty": "NULL"}
HIDDEN = ("$path", "$partition")  # columns of every table, that may have values of others in them
SECTIONS = {"catalogs": "allow", "schemas": "owner", "tables": "privileges"}  # what a rule of each says


def pattern(name: str) -> str:
    """The regular expression, Java's and Python's, that matches ``name`` alone."""
    return re.sub(r"([\\.\[\]{}()*+?^$|])", r"\\\1", name)


def merge(document: dict, catalog: str, schema: str, owner: Any = KEEP, grants: Any = KEEP) -> dict:
    """``document`` with the schema's owner (a user or None) and grants (each with user or group, and privileges) as given."""
    result = json.loads(json.dumps(document))
    present = own_rules(result, catalog, schema)
    place = {"catalog": pattern(catalog), "schema": pattern(schema)}
    owners = present["schemas"]
    if owner is not KEEP:
        owners = [{"user": pattern(owner), **place, "owner": True}] if owner else []
    granted = [r for r in present["tables"] if "OWNERSHIP" not in r["privileges"]]
    if grants is not KEEP:
        granted = _grant_rules(place, grants)
    all_of_it = [{**_named(r), **place, "privileges": ALL_PRIVILEGES} for r in owners]
    wanted = {"schemas": owners, "tables": all_of_it + [r for r in granted if _named(r) not in map(_named, owners)]}
    for section, rules in wanted.items():
        _replace_rules(result, section, present[section], rules)
    for rule in present["schemas"] + present["tables"] + wanted["schemas"] + wanted["tables"]:
        _set_catalog_rule(result, catalog, _named(rule))
    return result


def narrowed(document: dict, catalog: str, schema: str, grants: list[dict]) -> list[dict]:
    """Of ``grants`` what rules of the schema give already, with the masks of both; of two for a column that which is in force."""
    both = []
    for rule in own_rules(document, catalog, schema)["tables"]:
        if "OWNERSHIP" in rule["privileges"]:
            continue
        for grant in grants:
            whom = {"user": pattern(grant["user"])} if grant.get("user") else {"group": pattern(grant.get("group") or "")}
            tables = {rule["table"]} if "table" in rule else set()
            tables |= {pattern(grant["table"])} if grant.get("table") else set()
            privileges = set(rule["privileges"]) & set(grant["privileges"])
            if _named(rule) != ({"user": EVERYONE} if grant.get("everyone") else whom) or len(tables) > 1 or not privileges:
                continue
            masks = {name.lower(): word for name, word in (grant.get("masks") or {}).items()} | _masks_of(rule)
            table = _plain(next(iter(tables))) if tables else None
            both.append({**grant, "privileges": sorted(privileges), "table": table, "masks": masks})
    return both


def own_rules(document: dict, catalog: str, schema: str) -> dict[str, list[dict]]:
    """The rules of ``schema`` that are ours, by section."""
    place = {"catalog": pattern(catalog), "schema": pattern(schema)}
    return {
        section: [r for r in document[section] if is_owned(section, r) and all(r[k] == v for k, v in place.items())]
        for section in ("schemas", "tables")
    }


def users(document: dict, catalog: str, schema: str) -> list[str]:
    """The users that rules of ours let into ``schema``; ANYBODY if that is everyone."""
    rules = own_rules(document, catalog, schema)
    names = {r["user"] for r in rules["schemas"] + rules["tables"] if "user" in r and r.get("privileges") != []}
    return sorted(ANYBODY if name == EVERYONE else _plain(name) for name in names)


def sees(document: dict, user: str, catalog: str, schema: str | None = None) -> bool:
    """Whether some rule may let ``user`` see the schema (any, if None); rules of groups count, who is in them is not known."""
    return _may_see(document, {"user": pattern(user)}, catalog, schema)


def rebase(document: dict, base: dict) -> dict:
    """``document`` with ``base`` in the place of all rules that no schema owns; those of schemas stay as they are."""
    result = json.loads(json.dumps(base))
    for section in SECTIONS:
        rules = document[section]
        owned = [r for r in rules if is_owned(section, r)]
        if [r for r in rules if r not in owned] == base[section]:
            result[section] = rules
            continue
        # Each as late as it may stand, but not after what its schema's next rule stands before.
        slots: list[list[dict]] = [[] for _slot in range(len(base[section]) + 1)]
        latest: dict[tuple, int] = {}
        for rule in reversed(owned):
            place = (rule["catalog"], rule.get("schema"))
            latest[place] = min(latest.get(place, len(base[section])), _first_catcher(base[section], rule))
            slots[latest[place]].insert(0, rule)
        result[section] = [r for at, slot in enumerate(slots) for r in slot + result[section][at : at + 1]]
    return result


def is_owned(section: str, rule: dict) -> bool:
    """Whether the rule has the form of those that belong to one schema (in ``catalogs``: one catalog) and one user or group,
    or everyone."""
    place = {"catalog"} if section == "catalogs" else {"catalog", "schema"}
    if rule.get("user") == EVERYONE:
        names = place | ({"table"} if section == "tables" and "table" in rule else set())
        masked = {"columns"} if "table" in names and _is_masking(rule.get("columns")) else set()
        return set(rule) == {"user", SECTIONS[section], *names, *masked} and all(_is_plain(rule[k]) for k in names)
    return any(
        set(rule) == {kind, SECTIONS[section], *place} and all(_is_plain(rule[k]) for k in {kind, *place})
        for kind in ("user", "group")
    )


def may_read(document: dict, user: str, catalog: str, schema: str, table: str) -> bool | None:
    """Whether ``user`` may read the table; None if that depends on groups or roles."""
    for section, allows in (
        ("catalogs", lambda r: _level(r) > 0),
        ("tables", lambda r: not READING.isdisjoint(r["privileges"])),
    ):
        matching = (
            r
            for r in document[section]
            if _matches(r.get("user"), user)
            and _matches(r.get("catalog"), catalog)
            and (section == "catalogs" or (_matches(r.get("schema"), schema) and _matches(r.get("table"), table)))
        )
        first = next(matching, None)
        if first is not None and ("group" in first or "role" in first):
            return None
        if first is None or not allows(first):
            return False
    return True


def users_named(document: dict) -> set[str]:
    """The users that a rule of the base names, each by itself."""
    rules = (r for section in SECTIONS for r in document[section] if "user" in r and not is_owned(section, r))
    return {_plain(r["user"]) for r in rules if not re.search(r"[.\[\]{}()*+?^$|]", re.sub(r"\\\W", "", r["user"]))}


def _may_see(document: dict, named: dict, catalog: str, schema: str | None) -> bool:
    return any(
        (r.get("owner") or r.get("privileges")) and _catches(r, named, catalog, schema)
        for section in ("schemas", "tables")
        for r in document[section]
    )


def _named(rule: dict) -> dict:
    """Whom one of our rules is for."""
    return {kind: rule[kind] for kind in ("user", "group") if kind in rule}


def _plain(expression: str) -> str:
    """The name that `pattern` was made of."""
    return re.sub(r"\\(.)", r"\1", expression)


def _is_plain(expression: Any) -> bool:
    """Whether the expression matches one name alone."""
    return expression == pattern(_plain(str(expression)))


def _grant_rules(place: dict, grants: list[dict]) -> list[dict]:
    """Users before groups, and groups that may do more before others: someone in several gets the first that matches.

    Everyone comes last, who may use a single table before who may use all: else nobody with a grant would be asked about it.
    """
    merged: dict[tuple[str, str], set] = {}
    masks: dict[str, dict[str, str]] = {}
    for grant in grants:
        kind = next(k for k in ("user", "group", "everyone") if grant.get(k))
        name = (grant.get("table") or "") if kind == "everyone" else grant[kind]
        merged.setdefault((kind, name), set()).update(grant["privileges"])
        if grant.get("masks"):
            masks.setdefault(name, {}).update(grant["masks"])
    rank = ["user", "group", "everyone"].index
    order = sorted(merged.items(), key=lambda item: (rank(item[0][0]), not item[0][1], -len(item[1]), item[0][1]))
    rules = []
    for (kind, name), privileges in order:
        whom = {kind: pattern(name)} if kind != "everyone" else {"user": EVERYONE}
        table = {"table": pattern(name)} if kind == "everyone" and name else {}
        columns = {"columns": _masking(masks[name])} if table and name in masks else {}
        rules.append({**whom, **place, **table, "privileges": sorted(privileges), **columns})
    return rules


def _masking(masks: dict[str, str]) -> list[dict]:
    """The columns of a rule, each of them once: Trino takes no file in which one has the same name twice."""
    masked = {name.lower(): {"mask": MASKS[word].format(identifier(name.lower()))} for name, word in masks.items()}
    return [{"name": name, **what} for name, what in sorted((masked | {name: {"allow": False} for name in HIDDEN}).items())]


def _masks_of(rule: dict) -> dict[str, str]:
    """The masks that `_masking` made the rule's columns of."""
    columns = rule.get("columns", ())
    return {c["name"]: w for c in columns for w, text in MASKS.items() if c.get("mask") == text.format(identifier(c["name"]))}


def _is_masking(columns: Any) -> bool:
    """Whether `_masking` made them."""
    if not isinstance(columns, list) or not all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in columns):
        return False
    masks = _masks_of({"columns": columns})
    return bool(masks) and columns == _masking(masks)


def _replace_rules(document: dict, section: str, present: list[dict], wanted: list[dict]) -> None:
    rules = document[section]
    others = [r for r in rules if r not in present]
    needed = [r for r in wanted if not _given(others, r)]
    unmoved = all(_first_catcher(rules, r) == rules.index(r) for r in present)
    if unmoved and _canonical(present) == _canonical(needed):
        return
    at = next((i for i, r in enumerate(rules) if r in present), len(rules))
    at = min([at, *(_first_catcher(others, r) for r in needed)])
    document[section] = others[:at] + needed + others[at:]


def _canonical(rules: list[dict]) -> list[dict]:
    return [{k: sorted(v) if k == "privileges" else v for k, v in r.items()} for r in rules]


def _matches(expression: str | None, name: str) -> bool:
    try:
        return expression is None or re.fullmatch(expression, name) is not None
    except re.error:  # Java knows expressions that Python doesn't
        return False


def _catches(rule: dict, named: dict, catalog: str, schema: str | None) -> bool:
    """Whether the rule may match the one that is named. Any user may be in any group."""
    if not _matches(rule.get("catalog"), catalog) or (schema is not None and not _matches(rule.get("schema"), schema)):
        return False
    if named.get("user") == EVERYONE:
        # One that matches some, or a group, leaves all others to the rule for everyone.
        return _matches(rule.get("user"), NOBODY) and "group" not in rule
    if "user" in named:
        return _matches(rule.get("user"), _plain(named["user"]))
    # Rules for single users go before those for groups.
    return _matches(rule.get("user"), NOBODY) and _matches(rule.get("group"), _plain(named["group"]))


def _wins(other: dict, rule: dict) -> bool:
    """Whether ``other``, standing first, would take the place of ``rule``. A finer one is there to do so, and may."""
    schema = _plain(rule["schema"]) if "schema" in rule else None
    if any(key in other for key in FINER) or not _catches(other, _named(rule), _plain(rule["catalog"]), schema):
        # Someone in two groups needs the wider catalog rule first.
        return "allow" in rule and "group" in rule and _narrower_group(other, rule)
    return True


def _narrower_group(other: dict, rule: dict) -> bool:
    return "group" in other and _matches(other.get("catalog"), _plain(rule["catalog"])) and _level(other) < _level(rule)


def _first_catcher(rules: list[dict], rule: dict) -> int:
    return next((i for i, other in enumerate(rules) if _wins(other, rule)), len(rules))


def _given(others: list[dict], rule: dict) -> bool:
    """Whether the first of the others that matches for certain gives at least as much, as the administrator's rule does."""
    # What is given to everyone is some schema's, and goes with that.
    first = next((o for o in others if o.get("user") != EVERYONE and _wins(o, rule)), None)
    if first is None or "columns" in rule or "user" not in rule or "group" in first or "role" in first:
        return False
    if "allow" in rule:
        return _level(first) >= _level(rule)
    if "owner" in rule:
        return bool(first.get("owner"))
    return set(first.get("privileges", ())) >= set(rule["privileges"])


def _level(rule: dict) -> int:
    """How far a catalog rule goes. Trino takes true and false for all and none, too."""
    allow = rule["allow"]
    return LEVELS.index({True: "all", False: "none"}.get(allow, allow))


def _set_catalog_rule(document: dict, catalog: str, named: dict) -> None:
    """The catalog rule of one user or group: there while it may see a schema, and wide enough to write if it may write.

    It is never narrowed: what it leaves open, the other sections still deny.
    """
    rules = document["catalogs"]
    keys = {**named, "catalog": pattern(catalog)}
    present = [r for r in rules if set(r) == {*keys, "allow"} and all(r[k] == v for k, v in keys.items())]
    # What everyone may see needs everyone's rule and no further one.
    sections = {
        section: [r for r in document[section] if named.get("user") == EVERYONE or r.get("user") != EVERYONE]
        for section in ("schemas", "tables")
    }
    if not _may_see(sections, named, catalog, None):
        document["catalogs"] = [r for r in rules if r not in present]
        return
    writes = any(
        r.get("owner") or set(r.get("privileges", ())) - READING
        for section in ("schemas", "tables")
        for r in document[section]
        if _named(r) == named and _matches(r.get("catalog"), catalog)
    )
    needed = {**keys, "allow": "all" if writes else "read-only"}
    wide_enough = bool(present) and _level(present[0]) >= _level(needed)
    _replace_rules(document, "catalogs", present, [present[0] if wide_enough else needed])


# -- Trino, which reads them again by itself

IN_FORCE = 30  # seconds that it gets for that


class NotInForceError(Exception):
    """Trino has not read the rules yet."""


def until_in_force(ask: Callable[[], None]) -> None:
    """Call ``ask`` until it no longer raises NotInForceError. Raises the last one when the time is over."""
    patiently(ask, IN_FORCE, lambda error: isinstance(error, NotInForceError))


# -- the file


def read_rules(path: str, missing: dict | None = None) -> dict:
    """The document, or ``missing`` if there is no such file and that is given.

    Raises ValueError with one sentence if there is no such file or if it is not what Trino takes.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            document = json.load(handle)
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise ValueError(f"rules_file {path} does not exist: give the coordinator's security.config-file, on its host") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"rules_file {path} can't be read as JSON ({error}): mend it by hand") from error
    if not isinstance(document, dict) or not all(isinstance(document.get(s), list) for s in ("catalogs", "schemas", "tables")):
        # Trino opens a section that is missing to everybody: the first rule in it would shut all the others out.
        raise ValueError(
            f"rules_file {path} has to be an object with the lists `catalogs`, `schemas` and `tables`: add them first"
        )
    return document


def edit_rules(path: str, change: Callable[[dict], dict], timeout: float, missing: dict | None = None) -> None:
    """Replace the document by ``change(document)``, if that differs.

    The folder is locked meanwhile, so that two plays at once both land. A file that is made in the
    place of none (see ``missing`` of `read_rules`) is readable by who made it alone. Raises ValueError (see `read_rules`; also
    if the lock is not had within ``timeout`` seconds) and OSError.
    """
    path = os.path.realpath(path)
    with locked(os.path.dirname(path), timeout):
        before = read_rules(path, missing)
        after = change(before)
        if after != before or not os.path.exists(path):
            replace_file(path, json.dumps(after, indent=2) + "\n")


@contextlib.contextmanager
def locked(folder: str, timeout: float) -> Iterator[None]:
    """Nobody else's turn in the folder. Raises ValueError if it is not had within ``timeout`` seconds."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        patiently(lambda: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), timeout, lambda e: isinstance(e, BlockingIOError))
        yield
    except BlockingIOError:
        raise ValueError(f"another play holds the lock on {folder}: run again when it is done") from None
    finally:
        os.close(handle)


def replace_file(path: str, text: str) -> None:
    """Write the text in one step that readers never see half done; owner and mode stay. Raises OSError."""
    handle, partial = tempfile.mkstemp(prefix=".rules-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(path)
                os.fchown(target.fileno(), found.st_uid, found.st_gid)
                os.fchmod(target.fileno(), found.st_mode & 0o7777)
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        os.rename(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
