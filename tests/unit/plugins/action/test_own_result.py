# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""own_result: a host's own part, and nobody else's."""

from types import SimpleNamespace

import pytest
from ansible_collections.foss_data.platform.plugins.action.own_result import ActionModule

KEYS = {"results": [
    {"access_key": "a", "changed": True, "failed": False, "msg": "", "diff": {"before": "", "after": "a"}},
    {"access_key": "b", "changed": False, "failed": True, "msg": "no such policy", "diff": {"before": "", "after": ""}},
]}  # fmt: skip
SCHEMAS = {"results": [
    {"name": name, "changed": changed, "failed": bool(msg), "msg": msg, "diff": {"before": "", "after": name}}
    for name, changed, msg in (("a_raw", False, ""), ("a_marts", True, ""), ("b_raw", True, "it lies elsewhere"))
]}  # fmt: skip


@pytest.fixture
def own(monkeypatch):
    """What comes of a host's parts."""
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_a, **_k: {})

    def run(*parts):
        action = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(args={"parts": [{"result": result, "own": own} for result, own in parts]})
        return action.run()

    return run


def test_changed_if_its_own_were(own):
    done = own((KEYS, {"access_key": "a"}), (SCHEMAS, {"name": ["a_raw", "a_marts"]}))
    assert (done["failed"], done["changed"], done["msg"]) == (False, True, "")
    assert [diff["after"] for diff in done["diff"]] == ["a", "a_marts"]
    assert not own((SCHEMAS, {"name": "a_raw"}))["changed"]


def test_something_waits_if_it_is_its_own(own):
    waiting = {"results": [item | {"held_back": item["name"] == "a_marts"} for item in SCHEMAS["results"]]}
    assert own((KEYS, {"access_key": "a"}), (waiting, {"name": ["a_raw", "a_marts"]}))["held_back"]
    assert not own((waiting, {"name": "a_raw"}))["held_back"]


def test_failed_if_its_own_did(own):
    done = own((SCHEMAS, {"name": ["a_raw", "b_raw"]}), (KEYS, {"access_key": "b"}))
    assert (done["failed"], done["changed"], done["msg"]) == (True, True, "it lies elsewhere")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"failed": False, "msg": "MinIO does not answer"}, "MinIO does not answer"),
        ({"skipped": True}, "the task for all of them was not run"),
        (KEYS, "the task for all of them had nothing for c"),
    ],
)
def test_failed_if_nothing_was_done_for_it(own, result, said):
    done = own((result, {"access_key": "c"}))
    assert (done["failed"], done["msg"]) == (True, said)


def test_what_else_its_items_say_is_its_own(own):
    """As if the module had been run for it alone: what a later step is given."""
    files = {
        "results": [{"service": "a", "changed": True, "failed": False, "msg": "", "fingerprint": "f", "diff": [{"after": "x"}]}]
    }
    done = own((files, {"service": "a"}))
    assert (done["fingerprint"], done["diff"]) == ("f", [{"after": "x"}])


@pytest.mark.parametrize("held", [(True, False), (False, True)])
def test_one_that_holds_something_back_is_enough(own, held):
    schemas = [{"name": "a", "changed": False, "failed": False, "msg": "", "held_back": each} for each in held]
    assert own(({"results": schemas}, {"name": "a"}))["held_back"]
