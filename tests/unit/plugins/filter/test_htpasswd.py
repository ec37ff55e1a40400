# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""htpasswd: hashes that are checked by bcrypt, and that no run makes anew."""

import bcrypt
from ansible_collections.foss_data.platform.plugins.filter.htpasswd import FilterModule, hashed, htpasswd

USERS = [{"name": "anna", "password": "a password of anna's"}, {"name": "bert", "password": "a password of anna's"}]


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"htpasswd": htpasswd}


def test_a_password_opens_its_line_and_no_other_does():
    lines = dict(line.split(":", 1) for line in htpasswd(USERS, "secret").splitlines())
    assert list(lines) == ["anna", "bert"]
    assert bcrypt.checkpw(b"a password of anna's", lines["anna"].encode())
    assert not bcrypt.checkpw(b"a password of bert's", lines["anna"].encode())
    assert lines["anna"].startswith("$2b$12$")


def test_the_same_is_the_same_and_nothing_else_is():
    text = htpasswd(USERS, "secret")
    hashed.cache_clear()
    assert htpasswd(USERS, "secret") == text
    assert len({line.split(":")[1] for line in (text + htpasswd(USERS, "another")).splitlines()}) == 4
