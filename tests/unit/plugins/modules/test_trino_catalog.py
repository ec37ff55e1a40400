# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_catalog against a Trino that keeps its catalogs as version 476 does: in memory, and in a file each."""

import re

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.trino import Client, TrinoError
from ansible_collections.foss_data.platform.plugins.modules import trino_catalog
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import result, run_module

TPCH = {"connector.name": "tpch", "tpch.splits-per-node": "2"}


class Trino:
    """Dynamic catalogs over a file store. A property ``bad`` fails at CREATE, ``mute`` when it is used."""

    def __init__(self, store):
        self.store, self.catalogs, self.unavailable, self.done = store, {}, set(), []

    def have(self, name, properties, loaded=True):
        lines = "".join(f"{k}={v}\n" for k, v in properties.items()).replace(":", "\\:")
        (self.store / f"{name}.properties").write_text("#Tue Nov 24 19:58:58 UTC 2026\n" + lines)
        if loaded:
            self.catalogs[name] = properties

    def stored(self):
        return sorted(p.stem for p in self.store.iterdir())

    def run(self, query, parameters=None, user=None, catalog=None, schema=None):
        if match := re.fullmatch(r"SELECT 1 FROM system.metadata.catalogs WHERE catalog_name = '(.*)'", query):
            return result(*([[1]] if match[1] in [*self.catalogs, "system"] else []))
        if match := re.fullmatch(r'SHOW SCHEMAS FROM "(.*)"', query):
            if match[1] in self.unavailable:
                raise TrinoError("Trino refused (CATALOG_UNAVAILABLE): it is disabled", "CATALOG_UNAVAILABLE", "q1")
            if "mute" in self.catalogs[match[1]]:
                raise TrinoError("Trino refused (HIVE_METASTORE_ERROR): Failed connecting", "HIVE_METASTORE_ERROR", "q1")
            return result(["information_schema"])
        self.done.append(query)
        if match := re.fullmatch(r'DROP CATALOG IF EXISTS "(.*)"', query):
            (self.store / f"{match[1]}.properties").unlink(missing_ok=True)
            self.catalogs.pop(match[1], None)
            self.unavailable.discard(match[1])
            return result()
        name, connector, pairs = re.fullmatch(r'CREATE CATALOG "(.*)" USING (\w+)(?: WITH \((.*)\))?', query).groups()
        if name in self.catalogs:
            raise TrinoError(f"Trino refused (ALREADY_EXISTS): Catalog '{name}' already exists", "ALREADY_EXISTS", "q1")
        properties = {"connector.name": connector, **dict(re.findall(r"\"([^\"]*)\" = '([^']*)'", pairs or ""))}
        if "bad" in properties:
            raise TrinoError(
                "Trino refused (GENERIC_INTERNAL_ERROR): property 'bad' was not used.", "GENERIC_INTERNAL_ERROR", "q1"
            )
        self.have(name, properties)
        return result()


@pytest.fixture
def trino(tmp_path, monkeypatch):
    double = Trino(tmp_path)
    monkeypatch.setattr(Client, "run", lambda client, *a, **k: double.run(*a, **k))
    return double


@pytest.fixture
def catalog(trino):
    def run(check=False, **options):
        return run_module(trino_catalog.main, check, **{"name": "mine", "store_dir": str(trino.store), **options})

    return run


PRESENT = {"connector": "tpch", "properties": {"tpch.splits-per-node": 2}}
CREATE = 'CREATE CATALOG "mine" USING tpch WITH ("tpch.splits-per-node" = \'2\')'
DROP = 'DROP CATALOG IF EXISTS "mine"'


def test_a_new_one(trino, catalog):
    predicted = catalog(check=True, **PRESENT)
    assert (trino.done, trino.stored()) == ([], [])
    real = catalog(**PRESENT)
    assert real == predicted
    assert (real["changed"], real["statements"]) == (True, [CREATE])
    assert real["diff"] == {"before": "", "after": "connector.name=tpch\ntpch.splits-per-node=2\n"}
    assert trino.catalogs == {"mine": TPCH}


def test_what_is_as_it_should_be_is_never_dropped(trino, catalog):
    trino.have("mine", TPCH)
    assert [catalog(check, **PRESENT)["changed"] for check in (True, False)] == [False, False]
    assert trino.done == []


def test_a_changed_one_is_made_anew(trino, catalog):
    trino.have("mine", {**TPCH, "old": "a:b"})
    predicted = catalog(check=True, **PRESENT)
    real = catalog(**PRESENT)
    assert real == predicted
    assert real["statements"] == trino.done == [DROP, CREATE]
    assert "old=a:b\n" in real["diff"]["before"]
    assert "warnings" not in real
    assert catalog(**PRESENT)["changed"] is False


def test_one_that_goes(trino, catalog):
    trino.have("mine", TPCH)
    assert catalog(check=True, state="absent")["changed"] is True
    assert trino.stored() == ["mine"]
    assert catalog(state="absent")["statements"] == [DROP]
    assert (trino.catalogs, trino.stored()) == ({}, [])
    assert catalog(state="absent")["changed"] is False


@pytest.mark.parametrize("connector", ["iceberg", "delta_lake", "hive"])
def test_a_dropped_one_that_leaks_is_told(trino, catalog, connector):
    trino.have("mine", {"connector.name": connector})
    assert "warnings" not in catalog(check=True, state="absent")
    assert "until it is restarted" in str(catalog(state="absent")["warnings"])


def test_a_property_that_trino_refuses_leaves_nothing(trino, catalog):
    real = catalog(connector="tpch", properties={"bad": 1})
    assert real["msg"] == (
        "catalog mine: Trino refused (GENERIC_INTERNAL_ERROR): property 'bad' was not used. Nothing was left behind."
    )
    assert real["query_id"] == "q1"
    assert trino.stored() == []


def test_one_that_does_not_work_leaves_nothing(trino, catalog):
    real = catalog(connector="delta_lake", properties={"mute": 1})
    assert "Failed connecting Nothing was left behind." in real["msg"]
    assert trino.stored() == []


@pytest.mark.parametrize("fault", ["bad", "mute"])
def test_after_a_failed_change_it_is_as_before(trino, catalog, fault):
    trino.have("mine", TPCH)
    real = catalog(connector="tpch", properties={fault: 1})
    assert real["msg"].endswith("The catalog is as it was before.")
    assert trino.catalogs == {"mine": TPCH}
    assert catalog(**PRESENT)["changed"] is False


def test_one_whose_creation_was_interrupted_is_made(trino, catalog):
    trino.have("mine", TPCH, loaded=False)
    real = catalog(**PRESENT)
    assert (real["changed"], real["statements"]) == (True, [DROP, CREATE])
    assert real["diff"]["before"].startswith("# Trino could not load it\n")
    assert trino.catalogs == {"mine": TPCH}


def test_the_rest_of_an_interrupted_one_goes(trino, catalog):
    trino.have("mine", TPCH, loaded=False)
    assert catalog(state="absent")["changed"] is True
    assert trino.stored() == []


def test_one_that_trino_could_not_build_at_its_start_is_made_anew(trino, catalog):
    trino.have("mine", TPCH)
    trino.unavailable.add("mine")
    assert catalog(check=True, **PRESENT)["changed"] is True
    assert catalog(**PRESENT)["changed"] is True
    assert catalog(**PRESENT)["changed"] is False


def test_one_that_can_not_be_put_back_either(trino, catalog):
    trino.have("mine", {"connector.name": "tpch", "bad": "1"})
    trino.unavailable.add("mine")
    assert (
        "could not be put back either, so that there is none now; mend that and"
        in catalog(connector="tpch", properties={"bad": 1})["msg"]
    )
    assert trino.stored() == []
    assert catalog(**PRESENT)["changed"] is True


@pytest.mark.parametrize("check", [True, False])
def test_one_that_is_as_wanted_and_does_not_work_fails_and_stays(trino, catalog, check):
    trino.have("mine", {"connector.name": "delta_lake", "mute": "1"})
    real = catalog(check, connector="delta_lake", properties={"mute": 1})
    assert real["msg"].startswith("catalog mine is as it should be, but does not work. Trino refused (HIVE_METASTORE_ERROR)")
    assert trino.done == []


@pytest.mark.parametrize("options", [PRESENT, {"state": "absent"}])
def test_one_from_elsewhere_is_not_touched(trino, catalog, options):
    assert "it comes from elsewhere" in catalog(name="system", **options)["msg"]
    assert trino.done == []


def test_values_as_trino_writes_them(trino, catalog):
    properties = {"fs.native-s3.enabled": True, "n": 3, "x": "it's"}
    assert catalog(connector="tpch", properties=properties)["statements"] == [
        """CREATE CATALOG "mine" USING tpch WITH ("fs.native-s3.enabled" = 'true', "n" = '3', "x" = 'it''s')"""
    ]


@pytest.mark.parametrize(
    "properties",
    [
        {"connection-password": "hunter22"},
        {"s3.aws-secret-key": "hunter22"},
        {"s3.aws-access-key": "hunter22"},
        {"iceberg.rest-catalog.oauth2.credential": "hunter22"},
        {"gcs.json-key": "hunter22"},
        {"kafka.ssl.keystore.password": "hunter22"},
        {"connection-password": "${ENV:A}hunter22"},
        {"connection-url": "jdbc:postgresql://h/db?user=a&password=hunter22"},
        {"mongodb.connection-url": "mongodb://ann:hunter22@h/"},
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_literal_secret_is_refused_and_not_repeated(trino, catalog, properties, check):
    real = catalog(check, connector="postgresql", properties=properties)
    assert f"catalog mine: {next(iter(properties))} would be readable in Trino's log: give ${{ENV:NAME}}" in real["msg"]
    assert "hunter22" not in str(real)
    assert trino.done == []


@pytest.mark.parametrize(
    "properties",
    [
        {"connection-password": "${ENV:PASSWORD}"},
        {"connection-password": ""},
        {"s3.sse.kms-key-id": "alias/x"},
        {"password-credential-name": "x"},
        {"bigquery.credentials-file": "/etc/key.json"},
        {"connection-url": "jdbc:postgresql://127.0.0.1:5432/db"},
        {"connection-url": "jdbc:postgresql://h/db?password=${ENV:PASSWORD}"},
        {"mongodb.connection-url": "mongodb://ann:${ENV:PASSWORD}@h/"},
    ],
)
def test_what_is_no_literal_secret(properties):
    assert trino_catalog.literal_secrets(properties) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Mine"}, "Trino takes small letters"),
        ({"name": "../mine"}, "Trino takes small letters"),
        ({"connector": "tpch; DROP"}, "that is no connector's name"),
        ({"store_dir": "/nonexistent"}, "give the coordinator's catalog.config-dir, on its host"),
        ({"properties": {"a": {"b": 1}}}, "properties a: give a text or a number"),
        ({"properties": {"a": None}}, "properties a: give a text or a number"),
        ({"properties": {"connector.name": "x"}}, "the connector as `connector`"),
        ({"connector": None}, "connector '': that is no connector's name"),
    ],
)
def test_bad_input_is_one_clear_error(trino, catalog, options, message):
    assert message in catalog(**{**PRESENT, **options})["msg"]
    assert trino.done == []


def test_a_connector_is_asked_for(catalog):
    assert catalog()["msg"] == "state is present but all of the following are missing: connector"


def test_a_store_that_can_not_be_read(trino, catalog):
    (trino.store / "mine.properties").write_text("a=\\u12")
    assert "can't be read (broken escape" in catalog(**PRESENT)["msg"]
