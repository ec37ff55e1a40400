# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Control side of ``service_files``: renders a role's templates, then sends all of them in one round trip."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# The partials that every role's templates may extend (the unit's sandbox, above all).
SHARED_ROLE = Path(__file__).resolve().parents[2] / "roles" / "_common"


class ActionModule(ActionBase):
    """Replace each file's ``template`` by its rendered ``content`` and run the module of the same name."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        files, secrets = [], {}
        for entry in arguments.get("files") or []:
            rendered = dict(entry)
            template = rendered.pop("template", None)
            if "dest" not in rendered:
                raise AnsibleActionFail(f"service_files: an entry of `files` has no `dest`: {sorted(entry)}")
            if (template is None) == ("content" not in rendered):
                raise AnsibleActionFail(f"service_files: {rendered['dest']}: give either `template` or `content`")
            if template is not None:
                rendered["content"] = self._render(template, task_vars)
            if rendered.get("secret"):
                # On its own option, so that `no_log` covers it and nothing else.
                secrets[rendered["dest"]] = rendered.pop("content")
            files.append(rendered)
        arguments["files"] = files
        arguments["secrets"] = secrets
        return self._execute_module(module_name="foss_data.platform.service_files", module_args=arguments, task_vars=task_vars)

    def _render(self, template: str, task_vars: dict) -> str:
        """Text of ``template`` with the task's variables; templates of the role ``_common`` can be extended."""
        variables = dict(task_vars)
        variables["ansible_search_path"] = [*task_vars.get("ansible_search_path", []), str(SHARED_ROLE)]
        lookup = self._shared_loader_obj.lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        return lookup.run([template], variables)[0]
