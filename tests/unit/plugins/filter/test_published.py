# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""published: what a manifest opens to everyone, schema by schema."""

import pytest
from ansible_collections.foss_data.platform.plugins.filter.published import FilterModule, published

PUBLISHES = ["marts", "staging"]


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"published": published}


@pytest.mark.parametrize(
    ("schema", "grants"),
    [
        ("raw", []),
        ("marts", [{"everyone": True}]),
        ("staging", [{"everyone": True}]),
        # A name that only begins alike is another's.
        ("stag", []),
    ],
)
def test_what_is_listed_and_nothing_else(schema, grants):
    assert published(PUBLISHES, schema, {}) == grants


def test_nothing_is_published_by_default():
    assert published([], "marts", {}) == []


MASKS = {"marts": {"people": {"mail": "hash"}, "daily": {}}, "raw": {"people": {"mail": "hash"}}}


@pytest.mark.parametrize(
    ("schema", "grants"),
    [
        # No rule for all of it, which what lies there beside them would come in by.
        ("marts", [{"everyone": True, "table": "daily"}, {"everyone": True, "table": "people", "masks": {"mail": "hash"}}]),
        ("staging", [{"everyone": True}]),
        ("raw", []),
    ],
)
def test_of_a_schema_with_masks_only_what_has_a_name(schema, grants):
    assert published(PUBLISHES, schema, MASKS) == grants
