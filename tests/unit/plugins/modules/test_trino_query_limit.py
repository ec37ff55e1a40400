# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_query_limit against a Trino that reads its file of groups with a delay."""

import threading

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import patience, trino_file, trino_rules
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client
from ansible_collections.foss_data.platform.plugins.modules import trino_query_limit
from ansible_collections.foss_data.platform.plugins.modules.trino_query_limit import limits_of, with_limits
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import result, run_module

BY_HAND = "# who may see what\nanalysts: ann, bert\n"


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "groups.txt"
    made.write_text("")
    made.chmod(0o640)
    return made


class Trino:
    """It reads the file again when it was asked ``delay`` times."""

    def __init__(self, file):
        self.file, self.delay, self.asked, self.text = file, 0, [], file.read_text()

    def groups(self, user: str) -> list[str]:
        """As Trino's file group provider reads them."""
        lines = [line.split(":", 1) for line in self.text.splitlines() if line.strip() and not line.startswith("#")]
        return [group.strip() for group, users in lines if user in [name.strip() for name in users.split(",")]]

    def run(self, query, parameters=None, user=None, catalog=None, schema=None):
        assert query == "SELECT current_groups()"
        self.asked.append(user)
        if self.delay <= 0:
            self.text = self.file.read_text()
        self.delay -= 1
        return result([self.groups(user)])


@pytest.fixture
def trino(file, monkeypatch):
    double = Trino(file)
    monkeypatch.setattr(Client, "run", lambda client, *a, **k: double.run(*a, **k))
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    monkeypatch.setattr(trino_rules, "IN_FORCE", 0.1)
    return double


@pytest.fixture
def limit(file, trino):
    return lambda check=False, **options: run_module(
        trino_query_limit.main, check, **{"groups_file": str(file), "timeout": 1, **options}
    )


def test_one_gets_a_limit_another_and_none(limit, file, trino):
    predicted = limit(check=True, name="sales", limit=4)
    assert (predicted["changed"], file.read_text(), trino.asked) == (True, "", [])
    first = limit(name="sales", limit=4)
    assert (first["changed"], first["diff"]) == (True, predicted["diff"]) == (True, {"before": "", "after": "4 at a time\n"})
    assert "queries-4" in trino.groups("sales")
    assert not limit(name="sales", limit=4)["changed"]
    assert limit(name="sales", limit=1)["diff"] == {"before": "4 at a time\n", "after": "1 at a time\n"}
    assert trino.groups("sales") == ["queries-1"]
    assert limit(name="sales")["changed"]
    assert trino.groups("sales") == []
    assert not limit(name="sales")["changed"]
    assert file.stat().st_mode & 0o7777 == 0o640


def test_many_at_once(limit, trino):
    items = [{"name": "sales", "limit": 4}, {"name": "stock"}, {"name": "weather", "limit": 1}, {"name": "a,b", "limit": 2}]
    predicted, done, again = limit(check=True, aggregate=items), limit(aggregate=items), limit(aggregate=items)
    assert [r["changed"] for r in done["results"]] == [r["changed"] for r in predicted["results"]] == [True, False, True, False]
    assert done["diff"] == predicted["diff"]
    assert [r["failed"] for r in done["results"]] == [False, False, False, True]
    assert "'a,b'" in done["results"][3]["msg"]
    assert (again["changed"], trino.asked) == (False, ["admin"])
    assert limits_of(trino.text) == {"sales": 4, "weather": 1}


def test_it_is_done_when_trino_has_read_it(limit, trino):
    trino.delay = 3
    assert limit(name="sales", limit=4)["changed"]
    assert (trino.groups("sales"), len(trino.asked)) == (["queries-4"], 4)


def test_a_trino_that_reads_another_file(limit, trino):
    trino.delay = 10**6
    assert "is that the file.group-file" in limit(name="sales", limit=4)["msg"]


def test_another_administrator(limit, trino):
    """Trino is asked in the name of whom the file names, and that is who wrote it last."""
    limit(name="sales", limit=4)
    assert not limit(user="boss", name="sales", limit=4)["changed"]
    limit(user="boss", name="sales", limit=2)
    assert trino.asked == ["admin", "boss"]


def test_what_others_wrote_stays(limit, file, trino):
    file.write_text(BY_HAND)
    limit(name="ann", limit=4)
    assert trino.groups("ann") == ["analysts", "queries-4"]
    limit(name="ann")
    assert file.read_text().startswith(BY_HAND)
    assert trino.groups("ann") == ["analysts"]


def test_two_plays_at_once_both_land(limit, file, monkeypatch):
    """The other one wants to write when this one has read the file and not written it yet."""
    replace_file = trino_file.replace_file

    def other_one() -> None:
        with trino_rules.locked(str(file.parent), 5):
            replace_file(str(file), with_limits(file.read_text(), {"stock": 2}, "admin"))

    def late(path, text):
        other.start()
        other.join(0.1)
        replace_file(path, text)

    other = threading.Thread(target=other_one)
    monkeypatch.setattr(trino_file, "replace_file", late)
    assert limit(name="sales", limit=4)["changed"]
    other.join()
    assert limits_of(file.read_text()) == {"sales": 4, "stock": 2}


@pytest.mark.parametrize(
    "bad", [{"name": "a b"}, {"name": ""}, {"name": "a:b", "limit": 1}, {"name": "#a"}, {"name": "a", "limit": 0}]
)
def test_what_can_t_be_meant(limit, file, bad):
    assert limit(**bad)["failed"]
    assert file.read_text() == ""


def test_no_file(limit, file):
    """Without limits none is missed: what goes may be from before there was one."""
    file.unlink()
    assert not limit(name="sales")["changed"]
    assert "the file of groups was not changed" in limit(name="sales", limit=4)["msg"]
    assert not file.exists()
