# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""gateway_faults: each user that can't be meant is named in one line, and no password is."""

import pytest
from ansible_collections.foss_data.platform.plugins.filter.gateway_faults import FilterModule, gateway_faults

ANNA = {"name": "anna", "role": "engineer", "password": "twelve bytes"}


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"gateway_faults": gateway_faults}


@pytest.mark.parametrize("name", ["anna", "a", "anna.b-c_d", "anna@example.org", "0"])
def test_who_may_be(name):
    assert gateway_faults([ANNA | {"name": name}]) == []


@pytest.mark.parametrize(
    "name", ['an"na', "an\nna", "anna\n", "Anna", "an na", "an:na", "an$na", "#anna", "", "-anna", "a" * 64, "änna"]
)
def test_a_name_that_could_break_out_of_a_file(name):
    (fault,) = gateway_faults([ANNA | {"name": name}])
    assert "can't be a name" in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ([], "nobody could sign in"),
        ([ANNA, ANNA], "'anna' is there twice"),
        ([ANNA | {"role": "owner"}], "the role 'owner', which there is not: choose viewer, engineer or admin"),
        ([{"name": "anna", "password": "twelve bytes"}], "the role None"),
        ([ANNA | {"password": "eleven byte"}], "a password of 12 to 72 bytes"),
        ([ANNA | {"password": "ä" * 37}], "a password of 12 to 72 bytes"),
        ([ANNA | {"rôle": "admin"}], "which nothing reads"),
    ],
)
def test_what_else_is_wrong(users, said):
    (fault,) = gateway_faults(users)
    assert said in fault
    assert not any(user["password"] in fault for user in users)
