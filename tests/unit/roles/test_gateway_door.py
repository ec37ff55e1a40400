# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Who is shut out from the sign-in form, and for how long."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def door(root):
    spec = importlib.util.spec_from_file_location("door", root / "roles/gateway/files/door.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def refusals(door, clock):
    return door.Refusals(lambda: clock[0])


def test_a_name_is_shut_to_an_address_after_five(door, refusals):
    for _ in range(door.TRIES):
        assert not refusals.shut("anna", "203.0.113.9")
        refusals.add("anna", "203.0.113.9")
    assert refusals.shut("anna", "203.0.113.9")
    # Nobody can keep others out of their own accounts.
    assert not refusals.shut("anna", "203.0.113.10")
    assert not refusals.shut("bert", "203.0.113.9")


def test_it_opens_again(door, refusals, clock):
    for _ in range(door.TRIES):
        refusals.add("anna", "203.0.113.9")
    clock[0] = door.SHUT - 1
    assert refusals.shut("anna", "203.0.113.9")
    clock[0] = door.SHUT
    assert not refusals.shut("anna", "203.0.113.9")
    refusals.add("anna", "203.0.113.9")
    assert not refusals.shut("anna", "203.0.113.9")


def test_who_knows_the_password_begins_anew(door, refusals):
    for _ in range(door.TRIES - 1):
        refusals.add("anna", "203.0.113.9")
    refusals.forget("anna", "203.0.113.9")
    refusals.add("anna", "203.0.113.9")
    assert not refusals.shut("anna", "203.0.113.9")


def test_another_address_of_the_same_network_helps_nobody(door, refusals):
    for last in range(door.TRIES):
        refusals.add("anna", f"2001:db8:1:2::{last}")
    assert refusals.shut("anna", "2001:db8:1:2:ffff::1")
    assert not refusals.shut("anna", "2001:db8:1:3::1")


def test_a_longer_name_is_no_other_place_to_count(door, refusals, monkeypatch):
    """And what is remembered has an end."""
    monkeypatch.setattr(door, "REMEMBERED", 3)
    for number in range(10):
        refusals.add("a" * 64 + str(number), "203.0.113.9")
        refusals.add(str(number), "203.0.113.9")
    assert refusals.shut("a" * 64, "203.0.113.9")
    assert len(refusals._found) == 3


@pytest.mark.parametrize(("taken", "answered"), [(0.0001, 2.0), (0.3, 2.0), (1.9, 2.0), (2.3, 4.0)])
def test_a_refusal_takes_as_long_whether_a_hash_was_made_or_not(door, taken, answered):
    assert taken + door.pause(taken) == pytest.approx(answered)
