# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Option ``aggregate``: many at once, by one task. A service is asked once for all, a host reached once for all.

Each item stands for itself: one that can't be is reported in its result, and the others are done. Only a service that can't be
asked at all fails the module.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import (
    check_mutually_exclusive,
    check_required_by,
    check_required_if,
    check_required_together,
)
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule

SIDE_BY_SIDE = 4  # requests that a service is sent at a time
CHECKS = {
    "mutually_exclusive": check_mutually_exclusive,
    "required_together": check_required_together,
    "required_if": check_required_if,
    "required_by": check_required_by,
}


class ItemError(Exception):
    """Why one item can't be; the arguments of `ServiceStateModule.fail`."""


class AggregateModule(ServiceStateModule):
    """A module that manages one thing, or with ``aggregate`` many.

    Stands before the class of its service. A module gives `identity`; where one question or one change does for all, it
    gives `share`, `apply_all` and `check_all`.
    """

    identity: ClassVar[tuple[str, ...]]  # the options that say which one is meant
    beside: ClassVar[tuple[str, ...]] = ()  # options that are the same for all items, given beside the list only

    def __init__(self, argument_spec: dict, rules: dict | None = None):
        """``rules`` are those of AnsibleModule between options (``required_if`` ...); they hold for each item."""
        # What an item does not say is as given beside the list, so that it has no defaults of its own.
        suboptions = {
            name: {key: value for key, value in option.items() if key != "default"} | {"required": name in self.identity}
            for name, option in argument_spec.items()
            if name not in self.beside
        }
        aggregate = {"aggregate": {"type": "list", "elements": "dict", "options": suboptions}}
        super().__init__(
            argument_spec | aggregate,
            required_one_of=[(name, "aggregate") for name in self.identity],
            mutually_exclusive=[(name, "aggregate") for name in self.identity],
        )
        self.rules = rules or {}
        self.shared: dict[str, Any] = {}  # what `share` found, one for all items
        self.item: dict[str, Any] | None = None  # of one item of several: its result so far
        if self.params["aggregate"] is None:
            self._check_options()

    # -- of a module

    def options(self) -> None:
        """Leaves the module, by `fail`, if the options can't be meant."""

    def share(self, items: list) -> None:
        """Ask once what all items need, so that a service that does not answer fails the module and not each item in turn."""

    def apply_all(self, items: list) -> None:
        """Make all of it so."""
        self.each(items, lambda item: item.apply(item.before, item.after))

    def check_all(self, items: list) -> None:
        """Ask whether they work."""
        self.each(items, lambda item: item.check(item.before, item.after))

    # -- the frame

    def each(self, items: Iterable, step: Callable[[Any], None], side_by_side: bool = False) -> None:
        """Run ``step`` for each item that has not failed; what fails is that item's own failure."""

        def attempt(item: Any) -> None:
            try:
                step(item)
            except ItemError as error:
                item.item |= {"failed": True, **error.args[0]}
            except Exception as error:
                fault = item.fault(error)
                if fault is None:
                    raise
                item.item |= {"failed": True, "msg": fault["msg"]}

        alive = [item for item in items if not item.item["failed"]]
        if side_by_side and len(alive) > 1:
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                list(pool.map(attempt, alive))
        else:
            for item in alive:
                attempt(item)

    def fail(self, msg: str, **more: Any) -> None:
        """Leave the module, or give up this item of several."""
        if self.item is None:
            super().fail(msg, **more)
        raise ItemError({"msg": msg, **more})

    def work(self) -> dict:
        """What the module leaves with; with ``aggregate`` a result for each item."""
        if self.params["aggregate"] is None:
            return super().work()
        items = [self._item(given) for given in self.params["aggregate"]]
        self.each(items, lambda item: item._check_options())
        self.share(items)
        self.each(items, lambda item: item._decide())
        if not self.module.check_mode:
            differing = [item for item in items if item.item["changed"] and not item.item["failed"]]
            if differing:
                self.applied = True
                self.apply_all(differing)
            self.check_all([item for item in items if not item.item["failed"]])
        results = [item.item | ({} if item.item["failed"] else item.report()) for item in items]
        changed = [result for result in results if result["changed"]]
        return {
            "changed": bool(changed),
            # Ansible would take a failed result of one item for the module's.
            "failed": False,
            "results": results,
            "diff": [result["diff"] for result in changed],
        }

    def _item(self, given: dict) -> AggregateModule:
        item = copy.copy(self)
        item.params = self.params | {name: value for name, value in given.items() if value is not None}
        item.item = {name: item.params[name] for name in self.identity} | {
            "changed": False,
            "failed": False,
            "msg": "",
            "diff": {"before": "", "after": ""},
        }
        return item

    def _check_options(self) -> None:
        given = {name: value for name, value in self.params.items() if value is not None}
        for name, rule in self.rules.items():
            try:
                CHECKS[name](rule, given)
            except TypeError as error:
                self.fail(str(error))
        self.options()

    def _decide(self) -> None:
        self.before = self.read()
        self.after = self.wanted(self.before)
        self.planned(self.before, self.after)
        name = ".".join(str(self.params[option]) for option in self.identity)
        self.item |= {
            "changed": self.before != self.after,
            "diff": {
                "before_header": name,
                "after_header": name,
                "before": self.shown(self.before),
                "after": self.shown(self.after),
            },
        }


class ItemLeft(Exception):
    """An item is done; the result that its module would have left with."""


def with_aggregate(spec: dict) -> dict:
    """The argument spec of a module with `each_item`, which sees to what an item requires."""
    optional = {name: option | {"required": False} for name, option in spec.items()}
    return optional | {"aggregate": {"type": "list", "elements": "dict"}}


def each_item(
    module: AnsibleModule, spec: dict, identity: str, work: Callable[[AnsibleModule], None], side_by_side: int = 1
) -> None:
    """Run ``work``, which leaves the module, for each item of ``aggregate``, and leave with a result for each.

    Without ``aggregate`` it is run for the module itself. ``spec`` is what an item may have: the options of the module but for
    those that are given beside the list. ``identity`` is the option that says which item is meant; ``side_by_side`` how many are
    at work at a time.
    """
    if module.params["aggregate"] is None:
        given = {name: module.params[name] for name in spec if module.params[name] is not None}
        if faults := ArgumentSpecValidator(spec).validate(given).error_messages:
            module.fail_json(msg="; ".join(faults))
        work(module)
    items = module.params["aggregate"]

    def attempt(given: dict) -> dict:
        return _result_of(module, spec, given, work) | {identity: given.get(identity)}

    if side_by_side > 1:
        with ThreadPoolExecutor(side_by_side) as pool:
            results = list(pool.map(attempt, items))
    else:
        results = list(map(attempt, items))
    shown = [result["diff"] for result in results if result["changed"] and result.get("diff")]
    module.exit_json(
        changed=any(result["changed"] for result in results),
        # Ansible would take a failed result of one item for the module's.
        failed=False,
        results=results,
        diff=[diff for one in shown for diff in (one if isinstance(one, list) else [one])],
    )


def _result_of(module: AnsibleModule, spec: dict, given: dict, work: Callable[[AnsibleModule], None]) -> dict:
    def leave(**result: Any) -> None:
        raise ItemLeft({"failed": False, "changed": False, "msg": ""} | result)

    checked = ArgumentSpecValidator(spec).validate(given)
    item = copy.copy(module)
    item.params = module.params | checked.validated_parameters
    item.exit_json = leave
    item.fail_json = lambda msg, **result: leave(msg=msg, **result | {"failed": True})
    try:
        if checked.error_messages:
            item.fail_json("; ".join(checked.error_messages))
        work(item)
        raise AssertionError("it was left undone")
    except ItemLeft as left:
        return left.args[0]
    except Exception as error:  # whatever it is, it is this item's own: a file that can't be read, a record that was damaged
        return {"failed": True, "changed": False, "msg": f"{type(error).__name__}: {error}"}
