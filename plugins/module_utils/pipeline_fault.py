# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What is wrong with one pipeline, said in one line. It is a fault of that pipeline alone: the others go on."""

from __future__ import annotations

LONGEST = 400  # characters of a text that somebody else wrote, when it is repeated in a message


class SourceError(Exception):
    """One sentence that says what is wrong with a pipeline's source and what to do; ``name`` is the pipeline's, if known."""

    def __init__(self, sentence: str, name: str = "") -> None:
        super().__init__(sentence)
        self.name = name


def one_line(text: str) -> str:
    """A foreign text as it may stand in a message: on one line, printable, not longer than ``LONGEST``."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 3]}..."
