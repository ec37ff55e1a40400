# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""derived_secret: one secret gives many, each always the same."""

import re

from ansible_collections.foss_data.platform.plugins.filter.derived_secret import FilterModule, derived_secret


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"derived_secret": derived_secret}


def test_it_never_changes():
    """A deployed pipeline's keys depend on it. The value was computed with OpenSSL and base32."""
    assert derived_secret("root", "object store: sales") == "IETQHO44LCOIRPFK2BC2OXVYRNIZFDK4MMKC7EXQ"


def test_names_and_roots_are_kept_apart():
    made = {derived_secret(root, name) for root in ("one", "two") for name in ("a", "b", "ab", "")}
    assert len(made) == 8


def test_only_letters_and_digits():
    assert re.fullmatch(r"[A-Z2-7]{40}", derived_secret("røt", "navn på norsk"))
