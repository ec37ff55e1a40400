# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Control side of ``service_files``: renders a role's templates, then sends all of them in one round trip."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# The partials that every role's templates may extend (the unit's sandbox, above all).
SHARED_ROLE = Path(__file__).resolve().parents[2] / "roles" / "_common"


class Renders(ActionBase):
    """An action that renders the files of a service."""

    _supports_check_mode = True

    def rendered(self, entries: list[dict], task_vars: dict) -> list[dict]:
        """``entries`` of the option `files`, each ``template`` replaced by its ``content``."""
        files = []
        for entry in entries:
            file = dict(entry)
            template = file.pop("template", None)
            if "dest" not in file:
                raise AnsibleActionFail(f"an entry of `files` has no `dest`: {sorted(entry)}")
            if (template is None) == ("content" not in file):
                raise AnsibleActionFail(f"{file['dest']}: give either `template` or `content`")
            if template is not None:
                file["content"] = self._render(template, task_vars)
            files.append(file)
        return files

    def _render(self, template: str, task_vars: dict) -> str:
        """Text of ``template`` with the task's variables; templates of the role ``_common`` can be extended."""
        variables = dict(task_vars)
        variables["ansible_search_path"] = [*task_vars.get("ansible_search_path", []), str(SHARED_ROLE)]
        lookup = self._shared_loader_obj.lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        return lookup.run([template], variables)[0]


class ActionModule(Renders):
    """Render what is a template, and run the module of the same name."""

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        arguments, secrets = dict(self._task.args), {}
        # Of several services they are rendered by then, each by the host that knows its variables.
        services = [dict(item) for item in arguments["aggregate"]] if "aggregate" in arguments else [arguments]
        for service in services:
            service["files"] = self.rendered(service.get("files") or [], task_vars)
            for file in service["files"]:
                if file.get("secret"):
                    # On its own option, so that `no_log` covers it and nothing else.
                    secrets[file["dest"]] = file.pop("content")
        if "aggregate" in arguments:
            arguments = {"aggregate": services}
        return self._execute_module(
            module_name="foss_data.platform.service_files", module_args=arguments | {"secrets": secrets}, task_vars=task_vars
        )
