# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""``own_result``: a host's own part of what one task did for many."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


def own_items(results: list[dict], own: dict) -> list[dict]:
    """The items whose options have the values of ``own``, any of them where it has a list."""
    wanted = {option: value if isinstance(value, list) else [value] for option, value in own.items()}
    return [item for item in results if all(item.get(option) in values for option, values in wanted.items())]


class ActionModule(ActionBase):
    """Runs nothing on the host."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = False
    _VALID_ARGS = frozenset(("parts",))

    def run(self, tmp=None, task_vars=None):
        """Return the module's result; see its RETURN."""
        super().run(tmp, task_vars)
        changed, held_back = [], False
        for part in self._task.args["parts"]:
            result, own = part["result"], part["own"]
            if "results" not in result:
                fault = result.get("msg") or "the task for all of them was not run"
                return {"failed": True, "changed": bool(changed), "msg": fault, "diff": changed}
            items = own_items(result["results"], own)
            changed += [item["diff"] for item in items if item["changed"]]
            held_back |= any(item.get("held_back") for item in items)
            faults = [item["msg"] for item in items if item["failed"]]
            if not items:
                faults = [f"the task for all of them had nothing for {', '.join(map(str, own.values()))}"]
            if faults:
                return {"failed": True, "changed": bool(changed), "msg": "; ".join(faults), "diff": changed}
        return {"failed": False, "changed": bool(changed), "msg": "", "diff": changed, "held_back": held_back}
