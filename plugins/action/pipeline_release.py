# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Control side of ``pipeline_release``: asks the host whether it has the release, and ships it only if not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.pipeline_source import SourceError, files_of, pack, release_id


class ActionModule(ActionBase):
    """One round trip when the host has the release; one more, and the transfer, when it has not."""

    _supports_check_mode = True
    _supports_diff = True
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            files = files_of(Path(arguments.get("source") or ""))
        except SourceError as error:
            # Without its cause, which Ansible would print as well: the same sentence twice.
            raise AnsibleActionFail(f"{error}.") from None
        arguments["release"] = release_id(files)
        module = {"module_name": "foss_data.platform.pipeline_release", "task_vars": task_vars}
        try:
            result = self._execute_module(module_args=arguments, **module)
            if result.get("failed") or not result.pop("missing", False) or self._task.check_mode:
                return result
            with tempfile.TemporaryDirectory() as folder:
                bundle = Path(folder) / "release.tar"
                pack(files, bundle)
                # Without pipelining there is one by now, and only the last one made would be removed.
                remote_folder = self._connection._shell.tmpdir or self._make_tmp_path()
                remote = self._connection._shell.join_path(remote_folder, "release.tar")
                self._transfer_file(str(bundle), remote)
            return self._execute_module(module_args=arguments | {"bundle": remote}, **module)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
