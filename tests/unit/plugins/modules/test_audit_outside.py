# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""audit_outside: which ports answer, and what they say to a stranger."""

import socket

import pytest
from ansible_collections.foss_data.platform.plugins.modules import audit_outside


@pytest.fixture
def look(module):
    return lambda *ports, **options: module(audit_outside.main, address="127.0.0.1", ports=[min(ports), max(ports)], **options)


def test_a_port_that_answers_is_found_and_asked(look, web):
    port = int(web.address.rsplit(":", 1)[1])
    facts = look(port)["facts"]
    assert (facts["reached"], facts["open"], facts["walked"], facts["tls"]) == (True, [port], 1, [])
    assert {page["url"]: page["status"] for page in facts["pages"]}[f"http://127.0.0.1:{port}/"] == 200
    assert web.asked == list(audit_outside.PATHS)


def test_a_port_that_speaks_something_else_is_asked_nothing(look, web):
    port = int(web.address.rsplit(":", 1)[1])
    assert look(port, not_http=[port])["facts"]["pages"] == []
    assert web.asked == []


def test_a_port_that_is_closed_does_not_answer(look, closed_port):
    assert look(closed_port)["facts"]["open"] == []


def test_a_port_that_says_nothing_is_found_all_the_same(look, monkeypatch):
    monkeypatch.setattr(audit_outside.handshake, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        facts = look(port)["facts"]
    assert (facts["open"], facts["pages"], facts["tls"]) == ([port], [], [])


def test_a_name_that_nobody_knows_is_no_error(module, monkeypatch):
    def unknown(*_arguments, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(audit_outside.socket, "getaddrinfo", unknown)
    facts = module(audit_outside.main, address="vps.invalid")["facts"]
    assert (facts["reached"], facts["why"]) == (False, "Name or service not known")


@pytest.mark.parametrize("ports", [[0, 10], [10, 1], [1], [1, 70000]])
def test_ports_that_there_are_not(module, ports):
    assert "give the first and the last one" in module(audit_outside.main, address="127.0.0.1", ports=ports)["msg"]
