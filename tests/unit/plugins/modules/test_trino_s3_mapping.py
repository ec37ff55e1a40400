# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_s3_mapping, and which key Trino would take by the file that it writes."""

import json
import re
import threading

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import trino_rules
from ansible_collections.foss_data.platform.plugins.modules import trino_s3_mapping

LAKE = "s3://lake/"
SALES = {"name": "sales", "prefix": f"{LAKE}pl-sales/", "access_key": "pl-sales", "secret_key": "sales-secret"}
STOCK = {"name": "stock", "prefix": f"{LAKE}pl-stock/", "access_key": "pl-stock", "secret_key": "stock-secret"}
MARTS = {"published": [f"{LAKE}pl-sales/marts/"]}
ADMIN = {"name": "data.admin", "access_key": "trino", "secret_key": "admin-secret"}
BY_HAND = {"user": "ann|bert", "prefix": f"{LAKE}shared/", "useClusterDefault": True}


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "s3-mapping.json"
    made.write_text('{"mappings": []}\n')
    made.chmod(0o640)
    return made


@pytest.fixture
def mapping(file, module):
    return lambda check=False, **options: module(trino_s3_mapping.main, check, mapping_file=str(file), timeout=1, **options)


@pytest.fixture
def key(file):
    """The key that Trino takes: of the first mapping whose expression fits the whole name and whose prefix the address."""

    def of(user: str, address: str) -> str:
        for found in json.loads(file.read_text())["mappings"]:
            if re.fullmatch(found.get("user", ".*"), user) and address.startswith(found.get("prefix", "")):
                return "the catalog's" if found.get("useClusterDefault") else f"{found['accessKey']}:{found['secretKey']}"
        return "refused"

    return of


def test_each_has_its_own_key_in_its_own_folder(mapping, key):
    mapping(aggregate=[ADMIN, STOCK, SALES | MARTS])
    assert key("sales", f"{LAKE}pl-sales/raw/t/a.parquet") == key("sales", f"{LAKE}pl-sales/marts/a") == "pl-sales:sales-secret"
    assert key("stock", f"{LAKE}pl-stock/raw/t/a.parquet") == "pl-stock:stock-secret"
    assert key("stock", f"{LAKE}pl-sales/marts/a") == key("stranger", f"{LAKE}pl-sales/marts/a") == "the catalog's"
    assert key("data.admin", f"{LAKE}pl-sales/raw/a") == key("data.admin", "s3://other/a") == "trino:admin-secret"
    for user, folder in [
        ("stock", "pl-sales/raw"),
        ("stock", "pl-sales/marts_2"),
        ("sales", "pl-sales_2"),
        ("sales", "pl-stock"),
        ("sales", ""),
        ("stranger", "pl-sales/raw"),
        ("dataXadmin", "pl-sales/raw"),
    ]:
        assert key(user, f"{LAKE}{folder}/a") == "refused", (user, folder)


def test_one_comes_changes_and_goes(mapping, file, key):
    predicted = mapping(check=True, **SALES)
    assert (predicted["changed"], key("sales", SALES["prefix"])) == (True, "refused")
    assert mapping(**SALES)["diff"] == predicted["diff"]
    assert not mapping(**SALES)["changed"]
    assert mapping(**SALES, **MARTS)["changed"]
    assert key("stock", MARTS["published"][0]) == "the catalog's"
    assert not mapping(**SALES, **MARTS)["changed"]
    assert mapping(**SALES | {"secret_key": "another-secret"})["changed"]
    assert key("sales", SALES["prefix"]) == "pl-sales:another-secret"
    assert key("stock", MARTS["published"][0]) == "refused"
    mapping(**SALES, **MARTS)
    assert mapping(name="sales", state="absent")["changed"]
    assert json.loads(file.read_text()) == {"mappings": []}
    assert not mapping(name="sales", state="absent")["changed"]
    assert file.stat().st_mode & 0o7777 == 0o640


def test_what_is_published_waits(mapping, key):
    """Before a release is in service others read no more than before, and at once no more than it publishes."""
    marts, raw = MARTS["published"][0], f"{LAKE}pl-sales/raw/"
    mapping(**SALES, **MARTS)
    waiting = mapping(aggregate=[SALES | {"published": [marts, raw]}], widen=False)["results"][0]
    assert (waiting["changed"], waiting["held_back"], key("ann", marts), key("ann", raw)) == (
        False,
        True,
        "the catalog's",
        "refused",
    )
    assert mapping(**SALES, published=[raw], widen=False)["held_back"]
    assert (key("ann", marts), key("ann", raw)) == ("refused", "refused")
    assert "held_back" not in mapping(**SALES, published=[raw])
    assert key("ann", raw) == "the catalog's"
    assert not mapping(**SALES, published=[raw], widen=False)["held_back"]


def test_what_is_published_stays_if_it_is_to(mapping, file, key):
    """Of one that is removed and whose data is kept; later it goes, too."""
    gone = {"name": "sales", "prefix": SALES["prefix"], "state": "absent"}
    mapping(aggregate=[SALES | MARTS, STOCK])
    assert mapping(**gone, keep_published=True)["changed"]
    assert (key("ann", MARTS["published"][0]), key("sales", f"{LAKE}pl-sales/raw/a")) == ("the catalog's", "refused")
    assert not mapping(**gone, keep_published=True)["changed"]
    assert mapping(**gone)["changed"]
    assert [m["user"] for m in json.loads(file.read_text())["mappings"]] == ["stock"]


def test_many_at_once(mapping, file):
    items = [ADMIN, SALES | MARTS, STOCK, {"name": "bad", "prefix": "s3://lake/bad"}, {"name": "none", "state": "absent"}]
    predicted, done, again = mapping(check=True, aggregate=items), mapping(aggregate=items), mapping(aggregate=items)
    assert (
        [r["changed"] for r in done["results"]]
        == [r["changed"] for r in predicted["results"]]
        == [True, True, True, False, False]
    )
    assert [r["failed"] for r in done["results"]] == [False, False, False, True, False]
    assert (again["changed"], len(json.loads(file.read_text())["mappings"])) == (False, 4)


def test_a_key_is_one_users(mapping, key):
    """As the administrator's, when another one is."""
    mapping(aggregate=[ADMIN, SALES])
    changed = ADMIN | {"name": "boss"}
    assert mapping(check=True, aggregate=[changed])["diff"] == mapping(aggregate=[changed])["diff"]
    assert (key("boss", LAKE), key("data.admin", LAKE)) == ("trino:admin-secret", "refused")
    assert key("sales", SALES["prefix"]) == "pl-sales:sales-secret"
    assert not mapping(**changed)["changed"]


def test_no_secret_is_shown(mapping):
    mapping(**SALES | {"secret_key": "former-secret"})
    said = mapping(**SALES, **MARTS)
    assert '"secretKey": "another"' in said["diff"]["before"]
    assert '"secretKey": "as given"' in said["diff"]["after"]
    assert "-secret" not in json.dumps([said["diff"], mapping(name="sales", state="absent")])


def test_what_others_wrote_stays(mapping, file):
    file.write_text(json.dumps({"mappings": [BY_HAND]}))
    mapping(**SALES, **MARTS)
    assert BY_HAND in json.loads(file.read_text())["mappings"]
    mapping(name="sales", state="absent")
    assert json.loads(file.read_text()) == {"mappings": [BY_HAND]}


def test_two_plays_at_once_both_land(mapping, file, monkeypatch):
    """The other one wants to write when this one has read the file and not written it yet."""
    replace_file = trino_s3_mapping.replace_file

    def other_one() -> None:
        with trino_rules.locked(str(file.parent), 5):
            written = json.loads(file.read_text())["mappings"]
            replace_file(str(file), json.dumps({"mappings": [*written, BY_HAND]}))

    def late(path, text):
        other.start()
        other.join(0.1)
        replace_file(path, text)

    other = threading.Thread(target=other_one)
    monkeypatch.setattr(trino_s3_mapping, "replace_file", late)
    assert mapping(**SALES)["changed"]
    other.join()
    assert [m["user"] for m in json.loads(file.read_text())["mappings"]] == ["sales", "ann|bert"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"prefix": "s3://lake/pl-sales"}, "is no folder in a bucket"),
        ({"prefix": "s3://lake/"}, "is no folder in a bucket"),
        ({"published": ["s3://lake/pl-sales_2/marts/"]}, "is not below the prefix of sales"),
        ({"prefix": None} | MARTS, "is not below the prefix of sales"),
        ({"secret_key": None}, "secret_key"),
    ],
)
def test_what_can_t_be_meant(mapping, file, bad, said):
    assert said in mapping(**{name: value for name, value in (SALES | bad).items() if value is not None})["msg"]
    assert json.loads(file.read_text()) == {"mappings": []}


def test_no_file_or_another(mapping, file):
    """In check mode it may be about to come."""
    file.write_text("[]")
    assert "has to be an object with the list `mappings`" in mapping(**SALES)["msg"]
    file.unlink()
    assert mapping(check=True, **SALES)["changed"]
    assert not mapping(name="sales", state="absent")["changed"]
    assert "the mapping was not changed" in mapping(**SALES)["msg"]
    assert not file.exists()
