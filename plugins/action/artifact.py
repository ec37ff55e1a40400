# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Control side of ``artifact``: asks the host what it has, fetches and ships only what is missing."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.artifacts import ArtifactError, Catalogue, for_target, lock_sum, lock_text

display = Display()
ROOT = Path(__file__).resolve().parents[2]


class ActionModule(ActionBase):
    """One round trip when the host has it; one more, and the transfer, when it has not."""

    _supports_check_mode = True
    _supports_diff = True
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        try:
            if "aggregate" in arguments:
                return self._each(arguments["aggregate"], task_vars)
            return self._install(arguments, task_vars)
        except ArtifactError as error:
            # Without its cause, which Ansible would print as well: the same sentence twice.
            raise AnsibleActionFail(f"{error}.") from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _each(self, items: list[dict], task_vars: dict) -> dict:
        """A result for each lock; what is equal is done once."""
        done: dict[tuple, dict] = {}
        results = []
        for item in items:
            try:
                what = (lock_sum(Path(item["lock"])), *sorted((item | {"lock": ""}).items()))
                if what not in done:
                    done[what] = {"changed": False, "failed": False, "msg": ""} | self._install(dict(item), task_vars)
                result = done[what]
            except (ArtifactError, AnsibleError, OSError) as error:
                result = {"changed": False, "failed": True, "msg": f"{str(error).rstrip('.')}."}
            results.append(result | {"lock": item["lock"]})
        return {"changed": any(result["changed"] for result in results), "failed": False, "results": results}

    def _install(self, arguments: dict, task_vars: dict) -> dict:
        entries = self._templar.template(task_vars.get("artifacts", {}))
        mirror = self._templar.template(task_vars.get("artifact_mirror", ""))
        host = task_vars.get("inventory_hostname", "host")
        catalogue = Catalogue(entries, ROOT, mirror, lambda line: display.display(f"{line} (for {host})"))
        name, lock = arguments.get("name"), arguments.pop("lock", None)
        if lock:
            kind, path = "python", Path(lock)
            fingerprint = lock_sum(path)
            version = fingerprint[:16]
        else:
            version = catalogue.version(name, arguments.get("version"))
            fingerprint = catalogue.fingerprint(name, version)
            kind = catalogue.entry(name)["kind"]
            if kind == "python":
                path = catalogue.lock(name)
                version = f"{version}-{lock_sum(path)[:8]}"
        wanted = arguments | {
            "dest": arguments.get("dest") or f"/opt/{name}",
            "version": version,
            "fingerprint": fingerprint,
            "kind": "python" if kind == "python" else "files",
        }

        def ask() -> dict:
            return self._execute_module(module_name="foss_data.platform.artifact", module_args=wanted, task_vars=task_vars)

        def bundle(wheels_there: list[str], folder: Path) -> Path:
            if kind != "python":
                return catalogue.bundle(name, catalogue.version(name, arguments.get("version")))
            wheels = catalogue.wheels(path)
            wanted["needed"] = [wheel.name for wheel in wheels]
            return self._wheels(path, [w for w in wheels if w.name not in wheels_there], folder)

        return self._ship(ask(), wanted, bundle, task_vars)

    def _ship(self, result: dict, wanted: dict, bundle: Callable[[list[str], Path], Path], task_vars: dict) -> dict:
        """The module's last result, once what it misses was shipped."""
        # Twice if another play removed, after the host was asked, wheels that it had then.
        for _attempt in range(2):
            if result.get("failed") or not result.get("missing"):
                return result
            with tempfile.TemporaryDirectory() as folder:
                made = bundle(result.get("wheels", []), Path(folder))
                # Without pipelining there is one by now, and only the last one made would be removed.
                remote_folder = self._connection._shell.tmpdir or self._make_tmp_path()
                remote = self._connection._shell.join_path(remote_folder, "bundle.tar")
                self._transfer_file(str(made), remote)
            result = self._execute_module(
                module_name="foss_data.platform.artifact", module_args=wanted | {"bundle": remote}, task_vars=task_vars
            )
        if result.get("missing"):
            raise AnsibleActionFail(f"{wanted['dest']}: other plays go on removing its wheels: run again when they are done.")
        return result

    @staticmethod
    def _wheels(lock: Path, wheels: list[Path], folder: Path) -> Path:
        """A tar of what the lock pins for a host, and of wheels. Root installs from it, so nothing of the lock goes as it is."""
        bundle, pinned = folder / "bundle.tar", folder / "requirements.txt"
        pinned.write_text(for_target(lock_text(lock), lock), encoding="utf-8")
        with tarfile.open(bundle, "w") as out:
            out.add(pinned, "./requirements.txt")
            for wheel in wheels:
                out.add(wheel, f"./wheels/{wheel.name}")
        return bundle
