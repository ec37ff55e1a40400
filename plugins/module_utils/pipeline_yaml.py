# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""YAML of a stranger: small, plain, and of one meaning."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .pipeline_fault import SourceError, one_line

LARGEST = 1_000_000  # bytes
DEEPEST = 30  # levels
GREATEST = 2**63  # of whole numbers; those of thousands of digits can't even be shown


def read_yaml(path: Path) -> object:
    """The one document in a file, its text never followed by Jinja. Raises SourceError, or FileNotFoundError.

    No link is followed, and no alias: nine lines of them can stand for more than fits into memory.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Strict(loader):
        """Each key once, and each a text."""

        def construct_mapping(self, node, deep=False):
            """Refuse what YAML would settle silently."""
            seen = set()
            for key_node, _value in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str):
                    raise SourceError(
                        f"{path}: line {key_node.start_mark.line + 1}: the key {key!r} is no text: put it into quotes"
                    )
                if key in seen:
                    raise SourceError(f"{path}: line {key_node.start_mark.line + 1}: the key {key} is there twice: remove one")
                seen.add(key)
            return super().construct_mapping(node, deep)

    def number(strict: Strict, node: yaml.ScalarNode) -> int:
        if abs(value := strict.construct_yaml_int(node)) > GREATEST:
            raise SourceError(f"{path}: line {node.start_mark.line + 1}: that number is larger than any that is needed")
        return value

    Strict.add_constructor("tag:yaml.org,2002:int", number)
    try:
        text = _read(path).decode("utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent):
                raise SourceError(f"{path}: line {line}: *{event.anchor} refers to another place: write out what is meant")
            # A type that the text has not been given for ends in errors of all kinds.
            if getattr(event, "tag", None):
                raise SourceError(f"{path}: line {line}: {one_line(event.tag)} says of which type it is: leave that out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise SourceError(f"{path} has more than {DEEPEST} levels: nothing in it needs that many")
        return yaml.load(text, Loader=Strict)
    # A date or a number that there can't be is one of the latter.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise SourceError(f"{path} is not YAML: {one_line(str(error))}") from error


def _read(path: Path) -> bytes:
    """Content of a regular file that is not too large."""

    def plainly(name: str, flags: int) -> int:
        # A pipe would wait for ever for its other end.
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

    irregular = SourceError(f"{path} can't be read: it is no regular file, replace it by one")
    try:
        with open(path, "rb", opener=plainly) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise irregular
            content = handle.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ELOOP):
            raise irregular from None
        raise SourceError(f"{path} can't be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST // 1_000_000} MB: it holds a few lines, data belongs elsewhere")
    return content
