# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Control side of ``pipeline_release``: ships the release. For many, the host is asked first which it has: ``aggregate``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.pipeline_fault import SourceError
from ..module_utils.pipeline_source import ID_LENGTH, commit_of, files_of, pack


class ActionModule(ActionBase):
    """Pack, ship, run the module of the same name."""

    _supports_check_mode = True
    _supports_diff = True
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        module = {"module_name": "foss_data.platform.pipeline_release", "task_vars": task_vars}
        if "aggregate" in arguments:
            return self._execute_module(module_args=arguments, **module)
        with tempfile.TemporaryDirectory() as folder:
            bundle = Path(folder) / "release.tar"
            try:
                # Read once: what travels is what the id says, whatever is edited meanwhile.
                source = Path(arguments.get("source") or "")
                packed = pack(files_of(source), bundle)
                # A commit's files never change: its own id says what they are.
                release = commit_of(source)[:ID_LENGTH] or packed
                if arguments.get("release") not in (None, release):
                    raise SourceError(f"{arguments['source']} was changed while it was deployed: deploy again")
            except SourceError as error:
                # Without its cause, which Ansible would print as well: the same sentence twice.
                raise AnsibleActionFail(f"{error}.") from None
            arguments["release"] = release
            if self._task.check_mode:
                return self._execute_module(module_args=arguments, **module)
            try:
                # Without pipelining there is one by now, and only the last one made would be removed.
                remote_folder = self._connection._shell.tmpdir or self._make_tmp_path()
                remote = self._connection._shell.join_path(remote_folder, "release.tar")
                self._transfer_file(str(bundle), remote)
                return self._execute_module(module_args=arguments | {"bundle": remote}, **module)
            finally:
                self._remove_tmp_path(self._connection._shell.tmpdir)
