# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Read files in the format of ``java.util.Properties`` (source of the grammar: that class's ``load(Reader)``)."""

from __future__ import annotations

import re

_SPECIAL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
# A line that ends in an odd number of backslashes goes on in the next one, whose leading blanks don't count.
_CONTINUED = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:\r\n|\r|\n|\Z)[ \t\f]*")
_ENTRY = re.compile(r"((?:\\.|[^=:\s\\])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)


def parse_properties(text: str) -> dict[str, str]:
    """Keys and values of the file's text; the last of equal keys counts. Raises ValueError at a broken ``\\u`` escape."""
    found = {}
    for natural in _logical_lines(text):
        match = _ENTRY.fullmatch(natural)
        if match:
            found[_unescape(match.group(1))] = _unescape(match.group(2))
    return found


def _logical_lines(text: str) -> list[str]:
    """The lines with an entry: comments and empty lines gone, continued lines joined."""
    lines, rest = [], text
    while rest:
        rest = rest.lstrip(" \t\f\r\n")
        # A comment ends with its line, whatever stands at the end of it.
        pattern = r"[^\r\n]*" if rest[:1] in ("#", "!") else r"(?:\\(?:\r\n|.)|[^\r\n\\])*\\?"
        line = re.match(pattern, rest, re.DOTALL).group(0)
        rest = rest[len(line) :]
        if line and line[0] not in "#!":
            lines.append(_CONTINUED.sub(r"\1", line))
    return lines


def _unescape(text: str) -> str:
    def one(match: re.Match) -> str:
        escaped = match.group(1)
        if escaped[0] != "u":
            return _SPECIAL.get(escaped, escaped)
        if not re.fullmatch(r"u[0-9a-fA-F]{4}", escaped):
            raise ValueError(f"broken escape \\{escaped} in a properties file")
        return chr(int(escaped[1:], 16))

    plain = re.sub(r"\\(u.{0,4}|.)", one, text, flags=re.DOTALL)
    # Java writes a character beyond U+FFFF as two escapes.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
