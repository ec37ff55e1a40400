# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The pipelines that a site lists: where the repository of each is, and which state of it is wanted."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from .pipeline_fault import SourceError, one_line
from .pipeline_manifest import name_fault
from .pipeline_yaml import read_yaml

KEYS = ("name", "path", "git", "branch", "tag", "commit")
REFS = ("branch", "tag", "commit")
SCHEMES = ("file", "git", "http", "https", "ssh")
# What git allows in no name of a branch or tag (git-check-ref-format(1)).
NO_REF = re.compile(r"[\0-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/.]|//|/\.|[/.]$|\.lock(/|$)")


@dataclass(frozen=True)
class Commit:
    """A state of a git repository: what its branch or tag leads to, or the commit of an id."""

    address: str = field(repr=False)  # it may contain credentials
    kind: str  # one of REFS
    ref: str

    def __str__(self) -> str:
        """As it may be shown."""
        return f"{shown(self.address)}@{self.ref}"


@dataclass(frozen=True)
class Entry:
    """One pipeline of the list. ``name`` is what the list calls it, or a guess until its manifest is read."""

    name: str
    source: Path | Commit
    named: bool = False
    fault: str = ""


def entries(terms: list, folder: Path | None, root: Path) -> list[Entry]:
    """What the list ``terms`` and the files ``*.yml`` in ``folder`` say; relative paths begin at ``root``.

    Raises SourceError with all faults of the list. A fault of a file is one of that pipeline alone.
    """
    found, faults = [], []
    for number, term in enumerate(terms, 1):
        try:
            found.append(_entry(term, root))
        except SourceError as error:
            faults.append(f"entry {number} of the list `pipelines`: {error}")
    if faults:
        raise SourceError("; ".join(faults))
    for path in sorted(folder.glob("[!.]*.yml")) if folder else []:
        try:
            found.append(_entry_of_file(path, root))
        except SourceError as error:
            found.append(Entry(path.stem, path, True, str(error)))
    return found


def shown(address: str) -> str:
    """An address without what it may contain of credentials."""
    scheme, found, rest = address.partition("://")
    if not found:
        return address
    rest = re.split(r"[?#]", rest)[0]
    user, at, place = rest.rpartition("@")
    # A token may stand in the user's place; of ssh it is a name.
    user = user.split(":")[0] if scheme == "ssh" else "***"
    return f"{scheme}://{user}@{place}" if at else f"{scheme}://{rest}"


def _entry_of_file(path: Path, root: Path) -> Entry:
    if fault := name_fault(path.stem):
        raise SourceError(f"{path}: a file is called as its pipeline is, and {fault}")
    term = read_yaml(path)
    try:
        entry = _entry(term, root)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    if entry.named and entry.name != path.stem:
        raise SourceError(f"{path}: its `name` is {entry.name}: call both the same, or leave `name` out")
    return replace(entry, name=path.stem, named=True)


def _entry(term: object, root: Path) -> Entry:
    """One entry. Raises SourceError that does not say which one."""
    if not isinstance(term, dict):
        raise SourceError("it is no mapping: give it `path`, or `git` and one of `branch`, `tag`, `commit`")
    for key in term:
        if key not in KEYS:
            raise SourceError(f"there is no key {one_line(str(key))}: the keys are {', '.join(KEYS)}")
    for key, value in term.items():
        if not isinstance(value, str) or not value:
            raise SourceError(
                f"`{key}` is no text: put it into quotes" if value not in (None, "") else f"`{key}` is empty: fill it in"
            )
    if ("path" in term) == ("git" in term):
        raise SourceError("it needs either `path`, a folder, or `git`, an address" + (", not both" if "path" in term else ""))
    name = term.get("name", "")
    if "name" in term and (fault := name_fault(name)):
        raise SourceError(fault)
    refs = [key for key in REFS if key in term]
    if "path" in term:
        if refs:
            raise SourceError(f"`{refs[0]}` is for `git`: of a folder what is in it is deployed")
        source = _absolute(term["path"], root)
        return Entry(name or source.name, source, bool(name))
    if len(refs) != 1:
        raise SourceError(
            "`git` needs exactly one of `branch`, `tag` and `commit`" + (f", not {' and '.join(refs)}" if refs else "")
        )
    ref = term[refs[0]]
    if refs[0] == "commit" and not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", ref):
        raise SourceError(
            f"`commit` is {one_line(ascii(ref))}: write its whole id, 40 characters (`git rev-parse HEAD` prints it)"
        )
    if NO_REF.search(ref):
        raise SourceError(f"{one_line(ascii(ref))} can't be the name of a {refs[0]}")
    address = _address(term["git"], root)
    guess = re.split(r"[/:]", address.rstrip("/"))[-1].removesuffix(".git")
    return Entry(name or guess, Commit(address, refs[0], ref), bool(name))


def _absolute(path: str, root: Path) -> Path:
    try:
        folder = Path(path).expanduser()
    except RuntimeError:  # of a user whom there is not
        folder = None
    if folder is None or "\0" in path:
        raise SourceError(f"`path` is {one_line(ascii(path))}, which is no folder: give the one that has pipeline.yml")
    return Path(os.path.normpath(root / folder))


def _address(text: str, root: Path) -> str:
    """An address that git reaches in no other way than it seems. Raises SourceError, which does not repeat credentials."""
    examples = "such as https://git.example.org/shop/sales.git or git@git.example.org:shop/sales.git"
    if text.startswith("-") or not text.isprintable() or text != text.strip():
        raise SourceError(f"{one_line(ascii(shown(text)))} is no address of a git repository: give one {examples}")
    if re.match(r"[A-Za-z0-9+.-]+::", text):
        raise SourceError(f"{text.split('::')[0]}:: would run a program of its own: give an address {examples}")
    if "://" in text:
        try:
            parts = urlsplit(text)
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            raise SourceError(f"{shown(text)} has no such port: give an address {examples}") from None
        if parts.scheme not in SCHEMES or host.startswith("-") or not (host or parts.scheme == "file"):
            raise SourceError(f"{shown(text)} is no address that is fetched from ({', '.join(SCHEMES)}): give one {examples}")
        return text
    if scp := re.match(r"([^/:]*):", text):
        if re.match(r"(.*@)?(-|$)", scp[1]):
            raise SourceError(f"{one_line(ascii(text))} is no address of a git repository: give one {examples}")
        return text
    return str(_absolute(text, root))
