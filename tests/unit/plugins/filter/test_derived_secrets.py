# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""derived_secrets: what the same filter for one name gives."""

from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret
from ansible_collections.foss_data.platform.plugins.filter.derived_secrets import FilterModule, derived_secrets


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"derived_secrets": derived_secrets}


def test_each_is_that_of_its_name():
    """The role that deploys one pipeline derives its password alone."""
    made = derived_secrets("root", "database", ["pl-sales", "pl-stock"])
    assert made == {name: derived_secret("root", f"database: {name}") for name in ("pl-sales", "pl-stock")}


def test_nobody_needs_none():
    assert derived_secrets("root", "database", []) == {}
