# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_schema against a Trino that has one catalog, and reads its rules file with a delay."""

import json
import re

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import patience
from ansible_collections.foss_data.platform.plugins.module_utils import trino_rules as rules_file
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError
from ansible_collections.foss_data.platform.plugins.module_utils.trino_rules import merge, own_rules, sees
from ansible_collections.foss_data.platform.plugins.modules import trino_schema
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import result, run_module

RULES = {
    "catalogs": [{"user": "admin", "allow": "all"}],
    "schemas": [{"user": "admin", "owner": True}],
    "tables": [{"user": "admin", "privileges": ["SELECT", "OWNERSHIP"]}],
}
CREATE = 'CREATE SCHEMA "lake"."sales" WITH (location = \'s3://lake/sales/\')'
DROP = 'DROP SCHEMA "lake"."sales"'


class Trino:
    """One catalog, ``lake``. It reads the rules again when it was asked ``delay`` times."""

    def __init__(self, rules):
        self.rules, self.delay = rules, 0
        self.schemas, self.tables, self.done, self.asked, self.queries, self.blind = {}, {}, [], [], [], set()
        self.document = json.loads(rules.read_text())

    def run(self, query, parameters=None, user=None, catalog=None, schema=None):
        self.queries.append(query)
        if match := re.fullmatch(r"SHOW SCHEMAS FROM \"(\w+)\"(?: LIKE '(.*)' ESCAPE '\\')?", query):
            if match[1] != "lake":
                raise TrinoError("Trino refused (CATALOG_NOT_FOUND): Catalog 'nope' not found", "CATALOG_NOT_FOUND", "q1")
            names = [match[2].replace("\\_", "_")] if match[2] else list(self.schemas)
            if user and user != "admin":
                self.asked.append(user)
                if self.delay <= 0:
                    self.document = json.loads(self.rules.read_text())
                self.delay -= 1
                if user in self.blind or not sees(self.document, user, "lake"):
                    raise TrinoError("Trino refused (PERMISSION_DENIED): Cannot access catalog lake", "PERMISSION_DENIED", "q1")
                return result(*[[n] for n in names if n in self.schemas and sees(self.document, user, "lake", n)])
            return result(*[[n] for n in names if n in self.schemas])
        if match := re.fullmatch(r'SHOW TABLES FROM "lake"."(\w+)"', query):
            return result(*[[t] for t in self.tables.get(match[1], ())])
        if match := re.fullmatch(r'SHOW CREATE SCHEMA "lake"."(\w+)"', query):
            location = self.schemas[match[1]]
            return result([f"CREATE SCHEMA lake.{match[1]}" + (f"\nWITH (\n   location = '{location}'\n)" if location else "")])
        self.done.append(query)
        if match := re.fullmatch(r"CREATE SCHEMA \"lake\".\"(\w+)\"(?: WITH \(location = '(.*)'\))?", query):
            self.schemas[match[1]] = match[2]
            return result()
        name, cascade = re.fullmatch(r'DROP SCHEMA "lake"."(\w+)"( CASCADE)?', query).groups()
        assert cascade or not self.tables.get(name)
        self.schemas.pop(name)
        return result()


@pytest.fixture
def trino(tmp_path, monkeypatch):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(RULES))
    double = Trino(rules)
    monkeypatch.setattr(Client, "run", lambda client, *a, **k: double.run(*a, **k))
    monkeypatch.setattr(patience, "INTERVAL", 0.001)
    monkeypatch.setattr(rules_file, "IN_FORCE", 0.1)
    return double


@pytest.fixture
def schema(trino):
    def run(check=False, rules=True, **options):
        rules_file = {"rules_file": str(trino.rules)} if rules else {}
        return run_module(trino_schema.main, check, **{"catalog": "lake", "name": "sales", **rules_file, **options})

    return run


WHOLE = {"location": "s3://lake/sales/", "owner": "ann", "grants": [{"user": "bob"}, {"group": "team", "privileges": ["INSERT"]}]}


def document(trino):
    return json.loads(trino.rules.read_text())


def test_a_new_one(trino, schema):
    predicted = schema(check=True, **WHOLE)
    assert (trino.done, document(trino)) == ([], RULES)
    real = schema(**WHOLE)
    assert real == predicted
    assert real["statements"] == trino.done == [CREATE]
    assert real["diff"]["before"].startswith("schema: null\n")
    assert '{"user": "bob", "catalog": "lake", "schema": "sales", "privileges": ["SELECT"]}' in real["diff"]["after"]
    assert document(trino) == merge(
        RULES,
        "lake",
        "sales",
        "ann",
        [{"user": "bob", "privileges": ["SELECT"]}, {"user": None, "group": "team", "privileges": ["INSERT"]}],
    )


@pytest.mark.parametrize("location", ["s3://lake/sales/", "s3://lake/sales", None])
def test_a_second_run_changes_nothing(trino, schema, location):
    schema(**WHOLE)
    before = trino.rules.stat().st_mtime_ns
    for check in (True, False):
        again = schema(check, **{**WHOLE, "location": location})
        assert (again["changed"], again["statements"]) == (False, [])
        assert again["diff"]["before"] == again["diff"]["after"]
    assert (trino.done, trino.rules.stat().st_mtime_ns) == ([CREATE], before)


def test_done_means_that_owner_and_users_see_it(trino, schema):
    trino.delay = 5
    assert schema(**WHOLE)["changed"] is True
    assert set(trino.asked) == {"ann", "bob"}
    assert trino.delay < 0


def test_rules_that_trino_does_not_take_up(trino, schema):
    trino.delay = 10**6
    real = schema(**WHOLE)
    assert re.search(r"Trino did not take up the rules in .*rules.json \(for ann: .*Cannot access catalog lake\)", real["msg"])
    # What is in the file, but not in force, is not reported as done by a second run.
    assert schema(**WHOLE)["failed"] is True
    trino.delay = 0
    assert schema(**WHOLE)["changed"] is False


def test_another_owner(trino, schema):
    users = {"location": WHOLE["location"], "grants": [{"user": "bob"}]}
    schema(**users, owner="ann")
    trino.asked.clear()
    trino.delay = 3
    real = schema(**users, owner="eve")
    assert (real["changed"], real["statements"]) == (True, [])
    assert own_rules(document(trino), "lake", "sales")["schemas"][0]["user"] == "eve"
    # The former one was asked, too, until it saw nothing.
    assert set(trino.asked) == {"ann", "bob", "eve"}


def test_what_is_not_given_stays(trino, schema):
    schema(**WHOLE)
    before = document(trino)
    assert schema(location=WHOLE["location"])["changed"] is False
    assert document(trino) == before


def test_what_is_published_and_withdrawn(trino, schema):
    schema(**WHOLE)
    trino.asked.clear()
    trino.delay = 3
    published = [{"everyone": True, "table": "daily"}]
    assert schema(grants=published)["changed"] is True
    assert own_rules(document(trino), "lake", "sales")["tables"][-1] == {
        "user": ".*",
        "catalog": "lake",
        "schema": "sales",
        "table": "daily",
        "privileges": ["SELECT"],
    }
    # Done means for everyone, too.
    assert "_anybody" in trino.asked
    assert schema(grants=published)["changed"] is False
    trino.asked.clear()
    assert schema(grants=[])["changed"] is True
    assert "_anybody" in trino.asked
    assert not sees(document(trino), "_anybody", "lake")


def test_masks_of_what_is_published(trino, schema):
    masked = {"everyone": True, "table": "people", "masks": {"mail": "hash"}}
    schema(**WHOLE)
    for check in (True, False):
        done = schema(check, grants=[masked])
        assert done["changed"] is True
        assert 'sha256(to_utf8(\\"mail\\"))' in done["diff"]["after"]
    assert schema(grants=[masked])["changed"] is False
    assert schema(grants=[masked | {"masks": {"mail": "empty"}}])["changed"] is True
    assert "sha256" not in trino.rules.read_text()


def test_no_owner_and_no_grants(trino, schema):
    schema(**WHOLE)
    assert schema(owner="", grants=[])["changed"] is True
    assert document(trino) == RULES


def test_without_rules(trino, schema):
    assert schema(rules=False)["statements"] == ['CREATE SCHEMA "lake"."sales"']
    assert schema(rules=False)["changed"] is False
    assert schema(rules=False, state="absent")["statements"] == [DROP]
    assert document(trino) == RULES


def test_one_that_goes(trino, schema):
    schema(**WHOLE)
    assert schema(check=True, state="absent")["changed"] is True
    assert trino.schemas
    real = schema(state="absent")
    assert real["statements"] == [DROP]
    assert (trino.schemas, document(trino)) == ({}, RULES)
    assert schema(state="absent")["changed"] is False


def test_rules_of_a_schema_that_is_gone_go(trino, schema):
    schema(**WHOLE)
    trino.schemas.clear()
    assert (schema(state="absent")["changed"], document(trino)) == (True, RULES)


def test_one_in_a_catalog_that_is_gone(trino, schema):
    assert schema(rules=False, catalog="nope", state="absent")["changed"] is False
    assert "CATALOG_NOT_FOUND" in schema(rules=False, catalog="nope")["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_one_that_holds_tables_stays(trino, schema, check):
    schema(**WHOLE)
    trino.tables["sales"] = ["d", "b", "a", "c"]
    before = document(trino)
    assert "schema lake.sales holds 4 table(s) (a, b, c …) and stays" in schema(check, state="absent")["msg"]
    assert (document(trino), trino.done) == (before, [CREATE])


def test_its_tables_go_if_that_is_asked_for(trino, schema):
    schema(**WHOLE)
    trino.tables["sales"] = ["a"]
    real = schema(state="absent", cascade=True)
    assert real["statements"] == [DROP + " CASCADE"]
    assert '"tables": ["a"]' in real["diff"]["before"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("lies", "message"), [("s3://old/", "lies at s3://old/"), (None, "has no location")])
def test_one_that_lies_elsewhere(trino, schema, check, lies, message):
    trino.schemas["sales"] = lies
    assert f"schema lake.sales {message} and can't be moved to s3://lake/sales/" in schema(check, **WHOLE)["msg"]
    assert (trino.done, document(trino)) == ([], RULES)


def test_what_another_play_wrote_meanwhile_stays(trino, schema, monkeypatch):
    create = trino.run

    def slow(query, *arguments, **more):
        if query == CREATE:
            trino.rules.write_text(json.dumps(merge(RULES, "lake", "stock", "eve")))
        return create(query, *arguments, **more)

    monkeypatch.setattr(trino, "run", slow)
    schema(**WHOLE)
    assert trino_schema.users(document(trino), "lake", "stock") == ["eve"]
    assert trino_schema.users(document(trino), "lake", "sales") == ["ann", "bob"]


@pytest.mark.parametrize(
    ("statement", "location"),
    [
        ("CREATE SCHEMA lake.sales\nWITH (\n   location = 's3://lake/it''s'\n)", "s3://lake/it's"),
        ("CREATE SCHEMA lake.sales\nAUTHORIZATION USER ann", None),
        ("CREATE SCHEMA lake.location", None),
    ],
)
def test_the_location_in_an_answer(statement, location):
    assert trino_schema.location_of(statement) == location


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Sales"}, "name 'Sales': Trino's names are in small letters"),
        ({"catalog": "Lake"}, "catalog 'Lake': Trino's names are in small letters"),
        ({"name": ""}, "name ''"),
        ({"grants": [{"user": "a", "group": "b"}]}, "parameters are mutually exclusive: user|group|everyone found in grants"),
        ({"grants": [{}]}, "one of the following is required: user, group, everyone found in grants"),
        ({"grants": [{"user": "a", "table": "t"}]}, "missing parameter(s) required by 'table': everyone"),
        ({"grants": [{"everyone": True, "masks": {"a": "hash"}}]}, "missing parameter(s) required by 'masks': table"),
        (
            {"grants": [{"everyone": True, "table": "t", "masks": {"a": "lower(b)"}}]},
            "grants: a of t has the mask 'lower(b)': say hash or empty",
        ),
        ({"grants": [{"everyone": False}]}, "grants: `everyone` is true, or is not given"),
        ({"grants": [{"user": "a", "privileges": ["OWNERSHIP"]}]}, "OWNERSHIP"),
        ({"rules_file": "/nonexistent/rules.json"}, "does not exist: give the coordinator's security.config-file"),
    ],
)
def test_bad_input_is_one_clear_error(trino, schema, options, message):
    assert message in schema(**options)["msg"]
    assert trino.done == []


@pytest.mark.parametrize("options", [{"owner": "ann"}, {"grants": [{"user": "bob"}]}])
def test_rules_need_their_file(trino, schema, options):
    assert "rules_file" in schema(rules=False, **options)["msg"]
    assert trino.done == []


# -- many at once


@pytest.fixture
def schemas(trino):
    """Several at once, each given by its name and what is said of it."""

    def run(check=False, timeout=5, widen=True, **named):
        items = [{"catalog": "lake", "name": name, **options} for name, options in named.items()]
        done = run_module(trino_schema.main, check, aggregate=items, rules_file=str(trino.rules), timeout=timeout, widen=widen)
        return done, {item["name"]: item for item in done.get("results", [])}

    return run


SEVERAL = {
    "sales": {"location": "s3://lake/sales/", "owner": "ann"},
    "stock": {"location": "s3://lake/stock/", "owner": "bob", "grants": [{"user": "ann"}]},
}


def test_many_at_once(trino, schemas):
    predicted, _ = schemas(check=True, **SEVERAL)
    assert (trino.done, document(trino)) == ([], RULES)
    trino.delay = 3
    real, items = schemas(**SEVERAL)
    assert real == predicted
    assert sorted(trino.done) == [CREATE, CREATE.replace("sales", "stock")]
    assert [items[name]["changed"] for name in SEVERAL] == [True, True]
    assert '"bob"' not in items["sales"]["diff"]["after"]
    one = merge(RULES, "lake", "sales", "ann")
    assert document(trino) == merge(one, "lake", "stock", "bob", [{"user": "ann", "privileges": ["SELECT"]}])
    # Done means that owners and users see them.
    assert {"ann", "bob"} <= set(trino.asked)
    again, items = schemas(**SEVERAL)
    assert (again["changed"], again["diff"], len(trino.done)) == (False, [], 2)


def test_masks_of_many(trino, schemas):
    masked = {"everyone": True, "table": "people", "masks": {"mail": "hash"}}
    _, items = schemas(sales={"owner": "ann", "grants": [masked]}, stock={"grants": [masked | {"masks": {"mail": "md5"}}]})
    assert "sha256" in items["sales"]["diff"]["after"]
    assert "the mask 'md5'" in items["stock"]["msg"]
    assert [r["schema"] for r in document(trino)["tables"] if "columns" in r] == ["sales"]


def test_what_others_get_waits(trino, schemas):
    """Until they may have it they get no more, and less where the new masks or leaves out."""

    def grants(*tables, **masks):
        return [{"everyone": True, "table": table, **({"masks": masks} if masks else {})} for table in tables]

    schemas(sales={"owner": "ann", "grants": grants("people", "old")}, stock={"owner": "bob"})
    wanted = {
        "sales": {"owner": "ann", "grants": grants("people", "new", mail="hash")},
        "stock": {"owner": "bob", "grants": []},
    }
    predicted, _ = schemas(check=True, widen=False, **wanted)
    assert predicted["results"] == schemas(widen=False, **wanted)[0]["results"]
    _, again = schemas(widen=False, **wanted)
    assert (again["sales"]["changed"], again["sales"]["held_back"], again["stock"]["held_back"]) == (False, True, False)
    [seen] = [rule for rule in own_rules(document(trino), "lake", "sales")["tables"] if rule["user"] == ".*"]
    assert (seen["table"], [c["name"] for c in seen["columns"] if "mask" in c]) == ("people", ["mail"])
    assert "held_back" not in schemas(**wanted)[1]["sales"]
    assert [rule["table"] for rule in own_rules(document(trino), "lake", "sales")["tables"][1:]] == ["new", "people"]
    _, after = schemas(widen=False, **wanted)
    assert (after["sales"]["changed"], after["sales"]["held_back"]) == (False, False)


def test_the_service_is_asked_once_for_all(trino, schemas):
    def asked():
        return len([q for q in trino.queries if q.startswith("SHOW SCHEMAS")])

    schemas(**SEVERAL)
    assert asked() == 1 + len({"ann", "bob"})
    # Of what did not change nobody is asked in the name of others.
    trino.queries.clear()
    schemas(**SEVERAL)
    assert asked() == 1


def test_one_that_can_not_be_holds_up_no_other(trino, schemas):
    trino.schemas["sales"] = "s3://elsewhere/"
    wrong = {"Wrong": {"owner": "eve"}, "nowhere": {"catalog": "nope", "owner": "eve"}}
    done, items = schemas(**wrong, **SEVERAL)
    assert not done["failed"]
    assert [name for name, item in items.items() if not item["failed"]] == ["stock"]
    assert "small letters" in items["Wrong"]["msg"]
    assert "CATALOG_NOT_FOUND" in items["nowhere"]["msg"]
    assert items["sales"]["msg"].startswith("schema lake.sales lies at s3://elsewhere/ and can't be moved")
    # It owns nothing of what is not its own.
    assert own_rules(document(trino), "lake", "sales") == {"schemas": [], "tables": []}
    assert own_rules(document(trino), "lake", "stock")["schemas"]


def test_rules_not_taken_up_are_each_ones_own(trino, schemas):
    schemas(sales=SEVERAL["sales"])
    # Somebody else's rule shuts bob out, whatever stands behind it.
    trino.blind.add("bob")
    _done, items = schemas(**SEVERAL)
    assert {name: item["failed"] for name, item in items.items()} == {"sales": False, "stock": True}
    assert "Trino did not take up the rules in" in items["stock"]["msg"]


@pytest.mark.parametrize("fault", ["EXCEEDED_TIME_LIMIT", "QUERY_QUEUE_FULL"])
def test_a_user_whose_statements_queue_holds_up_no_other(trino, schemas, monkeypatch, fault):
    timeouts = {}

    def run(client, query, *arguments, user=None, **more):
        timeouts[user] = client.timeout
        if user == "bob":
            raise TrinoError(f"Trino refused ({fault}): no", fault)
        return trino.run(query, *arguments, user=user, **more)

    monkeypatch.setattr(Client, "run", run)
    done, items = schemas(timeout=120, **SEVERAL)
    assert not done["failed"]
    assert {name: item["failed"] for name, item in items.items()} == {"sales": False, "stock": True}
    assert f"is not known (bob could not be asked: {fault}): they are written, run again" in items["stock"]["msg"]
    # It is not waited for as long as for the work itself.
    assert timeouts == {None: 120, "ann": trino_schema.TURN, "bob": trino_schema.TURN}


def test_many_go_at_once(trino, schemas):
    schemas(**SEVERAL)
    trino.tables["stock"] = ["a"]
    _done, items = schemas(sales={"state": "absent"}, stock={"state": "absent"})
    assert (items["sales"]["failed"], items["stock"]["failed"]) == (False, True)
    assert "holds 1 table(s) (a) and stays" in items["stock"]["msg"]
    assert list(trino.schemas) == ["stock"]
    _done, items = schemas(sales={"state": "absent"}, stock={"state": "absent", "cascade": True})
    assert (items["sales"]["changed"], items["stock"]["changed"]) == (False, True)
    assert (trino.schemas, document(trino)) == ({}, RULES)


def test_a_trino_that_does_not_answer_fails_the_module(trino, schemas, monkeypatch):
    def lost(*_arguments, **_options):
        raise TrinoError("Trino does not answer")

    monkeypatch.setattr(Client, "run", lost)
    done, items = schemas(**SEVERAL)
    assert (done["failed"], done["msg"], items) == (True, "Trino does not answer", {})


def test_one_or_many(trino):
    both = run_module(trino_schema.main, catalog="lake", name="sales", aggregate=[])
    assert "mutually exclusive" in both["msg"]
    assert "one of the following is required" in run_module(trino_schema.main, catalog="lake")["msg"]
