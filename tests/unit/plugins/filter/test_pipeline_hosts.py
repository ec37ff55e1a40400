# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_hosts: a host for each pipeline on each runner, and never one that somebody else has."""

import pytest
from ansible_collections.foss_data.platform.plugins.filter.pipeline_hosts import FilterModule, pipeline_hosts

SALES, MINIO = {"name": "sales"}, {"name": "minio"}


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"pipeline_hosts": pipeline_hosts}


@pytest.mark.parametrize(
    ("runners", "names"),
    [(["one"], ["sales", "minio@one"]), (["one", "two"], ["sales@one", "minio@one", "sales@two", "minio@two"])],
)
def test_names(runners, names):
    found = pipeline_hosts([SALES, MINIO], runners, ["one", "two", "minio", "all"])
    assert [host["name"] for host in found] == names
    assert found[-1] == {"name": names[-1], "runner": runners[-1], "pipeline": MINIO}
