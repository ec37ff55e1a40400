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
        came = {"failed": False, "changed": False, "msg": "", "diff": []}
        said = {}
        for part in self._task.args["parts"]:
            result, own = part["result"], part["own"]
            if "item" in part:
                result = next((looped for looped in result.get("results") or [] if looped.get("item") == part["item"]), result)
            items = own_items(result.get("results") or [], own)
            for item in items:
                # One of them that holds something back is enough.
                said |= item | ({"held_back": True} if said.get("held_back") else {})
                if item["changed"]:
                    came["changed"] = True
                    diff = item.get("diff") or []
                    came["diff"] += diff if isinstance(diff, list) else [diff]
            faults = [item["msg"] for item in items if item["failed"]]
            if "results" not in result:
                faults = [result.get("msg") or result.get("exception") or "the task for all of them was not run"]
            elif not items:
                faults = [f"the task for all of them had nothing for {', '.join(map(str, own.values()))}"]
            if faults:
                return said | came | {"failed": True, "msg": "; ".join(dict.fromkeys(faults))}
        return said | came
