# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Base class of the modules that ask a service for something, or manage something in it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ansible.module_utils.basic import AnsibleModule, missing_required_lib


class ServiceStateModule:
    """Read, compare, apply: the frame of a module that talks to a service.

    A kind of service gives `connection`, `library`, `connect` and `fault`. A module that manages a state gives `read`, `wanted`
    and `apply`, and where it needs them `planned`, `check`, `report` and `shown`; one with nothing to compare gives `work`.
    """

    connection: ClassVar[dict[str, dict]]  # options that all modules of this service have
    library: ClassVar[tuple[str, str | None]]  # name of the Python package that the client needs, and why it can't be imported
    applied = False  # whether something was, or may have been, changed

    def __init__(self, argument_spec: dict, **options: Any):
        self.module = AnsibleModule({**self.connection, **argument_spec}, supports_check_mode=True, **options)
        self.params = self.module.params
        name, error = self.library
        if error:
            self.module.fail_json(msg=missing_required_lib(name), exception=error)
        self.connect()

    # -- of a kind of service

    def connect(self) -> None:
        """Make the client; leaves the module if the options of the connection can't be meant."""
        raise NotImplementedError

    def fault(self, error: Exception) -> dict | None:
        """What the module fails with, ``msg`` among it, where the client raised ``error``; None if the code is at fault."""
        raise NotImplementedError

    # -- of a module

    def read(self) -> Any:
        """What there is; None if nothing."""
        raise NotImplementedError

    def wanted(self, before: Any) -> Any:
        """What there should be; the same as ``before`` if nothing is to do. Leaves the module where it can't be."""
        raise NotImplementedError

    def planned(self, before: Any, after: Any) -> None:
        """Told what will be done, or would be in check mode, before it is; also if that is nothing."""

    def apply(self, before: Any, after: Any) -> None:
        """Make it so."""
        raise NotImplementedError

    def check(self, before: Any, after: Any) -> None:
        """Ask whether it works, changed or not: what an interrupted play left behind is not reported as done."""

    def report(self) -> dict:
        """What the module returns beside ``changed`` and ``diff``, as far as it is known by now."""
        return {}

    def shown(self, state: Any) -> str:
        """The state as text, for the diff."""
        return json.dumps(state, indent=2, sort_keys=True) + "\n" if state is not None else ""

    # -- the frame

    def work(self) -> dict:
        """What the module leaves with: compare ``read()`` with ``wanted()``, ``apply()`` the difference, ``check()`` it."""
        before = self.read()
        after = self.wanted(before)
        self.planned(before, after)
        if not self.module.check_mode:
            if before != after:
                self.applied = True
                self.apply(before, after)
            self.check(before, after)
        diff = {"before": self.shown(before), "after": self.shown(after)}
        return {"changed": before != after, "diff": diff, **self.report()}

    def fail(self, msg: str, **more: Any) -> None:
        """Leave the module with one sentence."""
        self.module.fail_json(msg=msg, **self.report(), **more)

    def run(self) -> None:
        """Do the module's work and leave."""
        try:
            result = self.work()
        except Exception as error:
            fault = self.fault(error)
            if fault is None:
                raise
            self.fail(**fault)
        self.module.exit_json(**result)
