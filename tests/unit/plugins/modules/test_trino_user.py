# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_user against a Trino that reads its file of passwords with a delay."""

import threading

import bcrypt
import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import patience, trino_file, trino_rules
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client
from ansible_collections.foss_data.platform.plugins.modules import trino_user
from ansible_collections.foss_data.platform.plugins.modules.trino_user import SUM, hashes_of
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import run_module

GIVEN, ANOTHER = "logs in with the password that is given\n", "logs in with another password\n"


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "passwords.txt"
    made.write_text("")
    made.chmod(0o640)
    return made


class Trino:
    """It reads the file again when it was asked ``delay`` times."""

    def __init__(self, file):
        self.file, self.delay, self.asked, self.text = file, 0, [], file.read_text()

    def lets_in(self, user: str, password: str) -> bool:
        """As Trino's file authenticator does, which takes no cheaper hash and no other kind of bcrypt."""
        self.asked.append(user)
        if self.delay <= 0:
            self.text = self.file.read_text()
        self.delay -= 1
        return self.knows(user, password)

    def knows(self, user: str, password: str) -> bool:
        known = dict(line.split(":", 1) for line in self.text.splitlines())
        assert all(value.startswith("$2y$") and int(value[4:6]) >= 8 for value in known.values())
        return user in known and bcrypt.checkpw(password.encode(), known[user].encode())


@pytest.fixture
def trino(file, monkeypatch):
    double = Trino(file)
    monkeypatch.setattr(Client, "lets_in", lambda client, *a: double.lets_in(*a))
    monkeypatch.setattr(trino_user.User, "_listens", lambda module: True)
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    monkeypatch.setattr(trino_rules, "IN_FORCE", 0.1)
    return double


@pytest.fixture
def user(file, trino):
    given = {"password_file": str(file), "password": "the administrator's", "timeout": 1}
    return lambda check=False, **options: run_module(trino_user.main, check, **given, **options)


def test_one_gets_a_password_another_and_none(user, file, trino):
    sales = {"name": "sales", "login_password": "word-1"}
    predicted = user(check=True, **sales)
    assert (predicted["changed"], file.read_text(), trino.asked) == (True, "", [])
    first = user(**sales)
    assert (first["changed"], first["diff"]) == (True, predicted["diff"]) == (True, {"before": "", "after": GIVEN})
    assert trino.knows("sales", "word-1")
    assert not trino.knows("sales", "word-2")
    before = file.read_text()
    assert (user(**sales)["changed"], file.read_text()) == (False, before)
    assert user(name="sales", login_password="word-2")["diff"] == {"before": ANOTHER, "after": GIVEN}
    assert (trino.knows("sales", "word-1"), trino.knows("sales", "word-2")) == (False, True)
    assert user(name="sales", state="absent")["diff"] == {"before": ANOTHER, "after": ""}
    assert not trino.knows("sales", "word-2")
    assert not user(name="sales", state="absent")["changed"]
    assert hashes_of(file.read_text()) == {}
    assert file.stat().st_mode & 0o7777 == 0o640


def test_many_at_once(user, trino):
    items = [
        {"name": "sales", "login_password": "word-1"},
        {"name": "stock", "state": "absent"},
        {"name": "weather", "login_password": "word-2"},
        {"name": "a:b", "login_password": "word-3"},
        {"name": "late"},
    ]
    predicted, done, again = user(check=True, aggregate=items), user(aggregate=items), user(aggregate=items)
    changed = [result["changed"] for result in done["results"]]
    assert changed == [result["changed"] for result in predicted["results"]] == [True, False, True, False, False]
    assert done["diff"] == predicted["diff"]
    assert [result["failed"] for result in done["results"]] == [False, False, False, True, True]
    assert "can't stand in a file of passwords" in done["results"][3]["msg"]
    assert "login_password" in done["results"][4]["msg"]
    assert (again["changed"], len(trino.asked)) == (False, 1)
    assert trino.knows("sales", "word-1")
    assert trino.knows("weather", "word-2")
    assert not [text for text in ("word-", "$2y$") if text in str(done)]


def test_nobody_else(user, file, trino):
    user(aggregate=[{"name": "old", "login_password": "word-1"}, {"name": "probe", "login_password": "word-2"}])
    wanted = {"exclusive": True, "aggregate": [{"name": name, "login_password": "word-2"} for name in ("new", "probe")]}
    predicted, done, again = user(check=True, **wanted), user(**wanted), user(**wanted)
    changed = {"new": True, "probe": False, "old": True}
    assert {result["name"]: result["changed"] for result in done["results"]} == changed
    assert done["diff"] == predicted["diff"]
    assert sorted(hashes_of(file.read_text())) == ["new", "probe"]
    assert not trino.knows("old", "word-1")
    assert not again["changed"]


def test_it_is_done_when_trino_has_read_it(user, trino):
    trino.delay = 3
    assert user(name="sales", login_password="word-1")["changed"]
    assert (trino.knows("sales", "word-1"), len(trino.asked)) == (True, 4)
    trino.delay = 3
    assert user(name="sales", state="absent")["changed"]
    assert (trino.knows("sales", "word-1"), len(trino.asked)) == (False, 8)
    # It is asked about nobody's password but that of the file's own user.
    assert all(SUM.fullmatch(name) for name in trino.asked)


def test_a_trino_that_reads_another_file(user, trino):
    trino.delay = 10**6
    assert "is that the file.password-file" in user(name="sales", login_password="word-1")["msg"]


def test_one_that_is_not_started_reads_it_when_it_is(user, trino, file, monkeypatch):
    monkeypatch.setattr(trino_user.User, "_listens", lambda module: False)
    assert user(name="sales", login_password="word-1")["changed"]
    assert (list(hashes_of(file.read_text())), trino.asked) == (["sales"], [])


def test_two_plays_at_once_both_land(user, file, trino, monkeypatch):
    """The other one wants to write when this one has read the file and not written it yet."""
    replace_file = trino_file.replace_file

    def other_one() -> None:
        with trino_rules.locked(str(file.parent), 5):
            theirs = trino_user.hashed("theirs")
            replace_file(str(file), file.read_text() + f"other:{theirs}\n")

    waiting = threading.Thread(target=other_one)

    def while_the_other_waits(path: str, text: str) -> None:
        waiting.start()
        replace_file(path, text)

    monkeypatch.setattr(trino_file, "replace_file", while_the_other_waits)
    user(name="sales", login_password="word-1")
    waiting.join()
    assert sorted(hashes_of(file.read_text())) == ["other", "sales"]


@pytest.mark.parametrize("text", ["sales:nonsense\n", "sales:$2y$10$short\n", "sales:1000:aa:bb\n"])
def test_a_hash_that_is_none_is_replaced(user, file, trino, text):
    file.write_text(text)
    assert user(name="sales", login_password="word-1")["diff"] == {"before": ANOTHER, "after": GIVEN}
    assert trino.knows("sales", "word-1")


@pytest.mark.parametrize("password", ["", "x" * 73])
def test_a_password_that_bcrypt_would_cut(user, file, password):
    assert "1 to 72 bytes" in user(name="sales", login_password=password)["msg"]
    assert file.read_text() == ""


def test_a_file_that_is_not_there(user, file):
    file.unlink()
    assert "the file of passwords was not changed" in user(name="sales", login_password="word-1")["msg"]
