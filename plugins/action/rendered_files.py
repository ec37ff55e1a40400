# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""``rendered_files``: a service's files as its own host's variables make them."""

from __future__ import annotations

from .service_files import Renders


class ActionModule(Renders):
    """Runs nothing on the host."""

    _requires_connection = False
    _VALID_ARGS = frozenset(("files",))

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        return {"changed": False, "files": self.rendered(self._task.args["files"], task_vars)}
