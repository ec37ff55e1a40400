# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Waiting for a service that is just starting."""

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import patience


class Service:
    """Fails with each of ``errors``, then answers."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def transient(error):
    return isinstance(error, ConnectionError)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(patience, "INTERVAL", 0.001)


def test_a_service_that_starts_answers():
    service = Service(ConnectionError(), ConnectionError())
    assert patience.patiently(service, 5, transient) == "answer"
    assert service.calls == 3


def test_a_refusal_stands():
    service = Service(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        patience.patiently(service, 5, transient)
    assert service.calls == 1


def test_its_time_ends():
    service = Service(*[ConnectionError("still down")] * 1000)
    with pytest.raises(ConnectionError, match="still down"):
        patience.patiently(service, 0.02, transient)


def test_no_time_is_one_attempt():
    service = Service(ConnectionError("down"))
    with pytest.raises(ConnectionError, match="down"):
        patience.patiently(service, 0, transient)
    assert service.calls == 1
