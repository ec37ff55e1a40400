# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The webserver's workspace file: one entry changed, the text of all others left as it is, two writers one after the other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import traceback
from collections.abc import Iterator

try:
    import yaml

    YAML_ERROR = None
except ImportError:
    YAML_ERROR = traceback.format_exc()


def parse(text: str, path: str = "the workspace file") -> list[dict]:
    """The entries of ``load_from``, each ``{kind: settings}``. Raises ValueError if the text is no workspace."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(
            f"{path} is not YAML ({' '.join(str(error).split())}): mend it by hand, Dagster can't read it either"
        ) from error
    entries = document.get("load_from") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"{path} has no list `load_from`: give the file that the webserver was started with")
    return entries


def name_of(entry: dict) -> str | None:
    """Name of the location that an entry defines; None for one that leaves the name to Dagster."""
    (settings,) = entry.values()
    return settings.get("location_name") if isinstance(settings, dict) else None


def find(entries: list[dict], name: str) -> dict | None:
    """The entry of a location."""
    return next((e for e in entries if isinstance(e, dict) and len(e) == 1 and name_of(e) == name), None)


def edit(text: str, name: str, entry: dict | None) -> str:
    """``text`` with the entry of ``name`` added, replaced, or (None) removed.

    The lines of other entries, and comments, stay as they are, except in a list that is written in one line.
    """
    entries = parse(text)
    old = find(entries, name)
    if old == entry:
        return text
    wanted = [e for e in entries if e is not old] if entry is None else [entry if e is old else e for e in entries]
    if entry and old is None:
        wanted = [*entries, entry]
    spliced = _splice(text, entries.index(old) if old else None, entry)
    if spliced is not None and parse(spliced) == wanted:
        return spliced
    return yaml.safe_dump({**yaml.safe_load(text), "load_from": wanted}, sort_keys=False)


def _splice(text: str, index: int | None, entry: dict | None) -> str | None:
    """The lines with those of item ``index`` (None: after the last) replaced; None if the list is not one item a line."""
    root = yaml.compose(text)
    items = next(value for key, value in root.value if key.value == "load_from")
    if items.flow_style or not items.value:
        return None
    lines = text.splitlines(keepends=True)
    last = items.value[-1 if index is None else index]
    start, end = last.start_mark.line, last.end_mark.line
    # A node ends where the next token stands: what is blank or a comment before that is not its own.
    while end > start + 1 and (end > len(lines) or lines[end - 1].split("#")[0].strip() == ""):
        end -= 1
    if index is None:
        start = end
    indent = " " * items.start_mark.column
    new = ["".join(f"{indent}{line}\n" for line in yaml.safe_dump([entry], sort_keys=False).splitlines())] if entry else []
    if start and new and not lines[start - 1].endswith("\n"):
        new.insert(0, "\n")
    result = "".join(lines[:start] + new + lines[end:])
    return None if entry is None and len(items.value) == 1 else result


@contextlib.contextmanager
def locked(path: str) -> Iterator[str]:
    """The text of the file, which nobody else that locks it changes meanwhile. Raises OSError."""
    # Who may open it can hold it, so nobody else may.
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(lock, "w", encoding="ascii"):
        os.fchmod(lock, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(path, encoding="utf-8") as handle:
            yield handle.read()
