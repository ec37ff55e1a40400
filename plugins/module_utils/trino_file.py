# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a user has in a file that Trino reads again while it runs."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible_collections.foss_data.platform.plugins.module_utils.aggregate import AggregateModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino import TrinoModule
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import (
    NotInForceError,
    locked,
    replace_file,
    until_in_force,
)


class TrinoFileModule(AggregateModule, TrinoModule):
    """A module that manages it, by the user's name.

    It gives `parsed`, `rewritten` and `in_force`, and where what is written is not what `wanted` says, `written`.
    """

    file: ClassVar[str]  # the option with the file's path
    holds: ClassVar[str]  # what is in it, in a word
    setting: ClassVar[str]  # which of Trino's settings names it
    identity = ("name",)

    # -- of a module

    def parsed(self, text: str) -> dict[str, Any]:
        """What each user has in the file's text."""
        raise NotImplementedError

    def rewritten(self, text: str, changes: dict[str, Any]) -> str:
        """The text with what some users have as given, and without those that have None."""
        raise NotImplementedError

    def in_force(self, text: str) -> None:
        """Raises NotInForceError if that is not the text that Trino has read."""
        raise NotImplementedError

    def written(self, after: Any) -> Any:
        """What stands in the file for what `wanted` said."""
        return after

    # -- the frame

    def share(self, items):
        """The file once."""
        self.shared["found"] = self.parsed(self.text())

    def read(self):
        """What the user has in the file."""
        found = self.shared["found"] if self.item is not None else self.parsed(self.text())
        return found.get(self.params["name"])

    def planned(self, before, after):
        """No statement does it."""

    def apply(self, before, after):
        """One user's."""
        self._write({self.params["name"]: self.written(after)})

    def apply_all(self, items):
        """Of all in one go."""
        self._write({item.params["name"]: item.written(item.after) for item in items})

    def check(self, before, after):
        """Where something changed, wait until Trino has read it, which it does by itself once in its refresh period."""
        if not self.applied:
            return
        try:
            # What the file holds by now: another play may have written it since.
            until_in_force(lambda: self.in_force(self.text()))
        except NotInForceError as error:
            self.fail(
                f"Trino did not take up the {self.holds} in {self.params[self.file]} ({error}): is that the {self.setting}?"
            )

    def check_all(self, items):
        """The same, once."""
        self.check(None, None)

    def text(self) -> str:
        """What is in the file; nothing if there is none."""
        try:
            with open(self.params[self.file], encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            self.fail(f"the file of {self.holds} can't be read: {error}")

    def _write(self, changes: dict[str, Any]) -> None:
        path = os.path.realpath(self.params[self.file])
        try:
            # Where there is none, Trino, which does not start without its own, reads another.
            os.stat(path)
            with locked(os.path.dirname(path), self.params["timeout"]):
                replace_file(path, self.rewritten(self.text(), changes))
        except (OSError, ValueError) as error:
            self.fail(f"the file of {self.holds} was not changed: {error}")
