# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How a host's memory is shared out."""

import itertools
import re

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foss_data.platform.plugins.filter.sizing import PLAN, SYSTEM_LEAST, FilterModule, sizing

EVERYTHING = sorted(PLAN)
# Delta Lake and its metastore are on from 8 GB up.
WITHOUT_DELTA = [s for s in EVERYTHING if s != "hive_metastore"]
# What a VPS of that size shows, in MiB.
VPS_8_GB, VPS_4_GB = 7900, 3850


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"sizing": sizing}


@pytest.mark.parametrize(
    ("memory", "services"),
    [(VPS_8_GB, EVERYTHING), (VPS_4_GB, WITHOUT_DELTA), (3700, WITHOUT_DELTA), (16000, EVERYTHING), (256000, EVERYTHING)],
)
def test_all_fits_and_the_system_keeps_its_share(memory, services):
    plan = sizing(memory, services)
    assert sorted(plan) == sorted(services)
    assert sum(plan.values()) <= memory - SYSTEM_LEAST
    for service, given in plan.items():
        least, _weight, most = PLAN[service]
        assert least <= given <= most
        assert isinstance(given, int)


def test_the_least_host_that_the_preflight_check_lets_pass_is_enough(root):
    least = yaml.safe_load((root / "roles/base/defaults/main.yml").read_text())["base_memory_mb"]
    assert sizing(least, WITHOUT_DELTA)


def test_too_little_is_one_clear_error():
    with pytest.raises(AnsibleFilterError) as raised:
        sizing(2000, WITHOUT_DELTA)
    message = str(raised.value)
    assert re.search(r"need \d+ MiB together and this host has 2000", message)
    assert message.endswith(": give it more memory")


def test_what_the_error_asks_for_is_enough():
    """A person who reads it and orders just that gets a host that works."""
    with pytest.raises(AnsibleFilterError) as raised:
        sizing(2000, WITHOUT_DELTA)
    wanted = int(re.search(r"need (\d+) MiB", str(raised.value)).group(1))
    assert sizing(wanted, WITHOUT_DELTA)
    # And not much more than that: it is rounded up once.
    with pytest.raises(AnsibleFilterError):
        sizing(wanted - 2, WITHOUT_DELTA)


def test_an_unknown_service_is_named():
    with pytest.raises(AnsibleFilterError, match=r"no such service: trinno; known are .*trino"):
        sizing(VPS_8_GB, ["trinno", "minio"])


def test_more_memory_never_means_less_for_anybody():
    plans = [sizing(memory, EVERYTHING) for memory in range(4100, 64000, 100)]
    for smaller, larger in itertools.pairwise(plans):
        assert all(smaller[s] <= larger[s] for s in EVERYTHING)


@pytest.mark.parametrize("left_out", EVERYTHING)
def test_one_service_fewer_never_means_less_for_the_others(left_out):
    whole, without = sizing(VPS_8_GB, EVERYTHING), sizing(VPS_8_GB, [s for s in EVERYTHING if s != left_out])
    assert all(whole[s] <= without[s] for s in without)


def test_a_host_with_no_service_has_no_plan():
    assert sizing(4000, []) == {}
