# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The frame of the modules that manage something in a service."""

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule


class Refused(Exception):
    """What the service says."""


class Number(ServiceStateModule):
    """A number that a service holds; ``asked`` tells what was called."""

    connection, library = {"held": {"type": "int"}}, ("none", None)

    def connect(self):
        self.asked = []

    def fault(self, error):
        return {"msg": str(error), "changed": self.applied} if isinstance(error, Refused) else None

    def read(self):
        return self.params["held"]

    def wanted(self, before):
        return self.params["number"]

    def planned(self, before, after):
        self.asked.append("planned")

    def apply(self, before, after):
        self.asked.append("apply")
        if after < 0:
            raise Refused("no negative numbers")
        if after == 0:
            raise KeyError("a fault of the code")

    def check(self, before, after):
        self.asked.append("check")

    def report(self):
        return {"asked": self.asked}


def main():
    Number({"number": {"type": "int"}}).run()


@pytest.mark.parametrize(
    ("held", "number", "check", "asked"),
    [(1, 1, False, ["planned", "check"]), (1, 2, True, ["planned"]), (1, 2, False, ["planned", "apply", "check"])],
)
def test_what_is_done_when(module, held, number, check, asked):
    answer = module(main, check=check, held=held, number=number)
    assert (answer["asked"], answer["changed"]) == (asked, held != number)
    assert answer["diff"] == {"before": f"{held}\n", "after": f"{number}\n"}


def test_a_refusal_is_one_sentence_and_says_how_far_it_came(module):
    answer = module(main, held=1, number=-1)
    assert (answer["msg"], answer["changed"], answer["asked"]) == ("no negative numbers", True, ["planned", "apply"])


def test_a_fault_of_the_code_keeps_its_traceback():
    with patch_module_args({"held": 1, "number": 0}), pytest.raises(KeyError):
        main()
