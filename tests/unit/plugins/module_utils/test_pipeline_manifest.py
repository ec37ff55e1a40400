# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's manifest: what is refused, in which words, and which pipelines can't live beside each other."""

import json
import os
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import pipeline_manifest
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_fault import SourceError
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_manifest import (
    conflicts,
    name_fault,
    read_manifest,
    settings_fault,
)
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_user import LONGEST_USER, user_of

MANIFEST = """
name: sales
title: Sales
owner: {team: Shop, email: shop@example.org}
schedule: "0 * * * *"
format: iceberg
schemas: [raw]
"""


@pytest.fixture
def schema(root) -> dict:
    return json.loads((root / "pipelines/shared/schemas/pipeline.schema.json").read_text())


@pytest.fixture
def repository(tmp_path) -> Path:
    (tmp_path / "pipeline.yml").write_text(MANIFEST)
    return tmp_path


@pytest.fixture
def refusal(repository, schema):
    """What is said of a manifest, without the file's name."""

    def said(text: str | bytes) -> str:
        (repository / "pipeline.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(SourceError) as caught:
            read_manifest(repository, schema)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert sentence.startswith(str(repository / "pipeline.yml"))
        return sentence.removeprefix(f"{repository / 'pipeline.yml'}").removeprefix(": ")

    return said


def test_defaults_are_filled_in(repository, schema):
    manifest = read_manifest(repository, schema)
    assert (manifest["name"], manifest["timezone"], manifest["topics"]) == ("sales", "UTC", [])
    assert manifest["memory_mb"] == schema["properties"]["memory_mb"]["default"]


def test_all_faults_are_told(refusal):
    said = refusal(
        MANIFEST.replace("iceberg", "parquet").replace("0 * * * *", "0 24 * * *") + "memroy_mb: 1\ntimezone: Europe/Olso\n"
    )
    assert "'memroy_mb' was unexpected" in said
    assert "format: 'parquet' is not one of ['iceberg', 'delta']" in said
    assert "schedule: '0 24 * * *' is no cron schedule: '24' is no hour (0 to 23)" in said
    assert "timezone: 'Europe/Olso' is not in the tz data base: name one that is, such as Europe/Oslo" in said


def test_whose_fault_it_is_is_known_where_its_name_can_be_read(repository, schema):
    for text, name in ((MANIFEST + "colour: red\n", "sales"), (MANIFEST.replace("sales", "Sales"), ""), ("- a\n", "")):
        (repository / "pipeline.yml").write_text(text)
        with pytest.raises(SourceError) as caught:
            read_manifest(repository, schema)
        assert caught.value.name == name


# -- names


@pytest.mark.parametrize(
    ("name", "such_as"),
    [
        ("Drop Table", "drop_table"),
        ("../x", "sales_orders"),
        ("a", "sales_orders"),
        ("1a", "sales_orders"),
        ("Sales", "sales"),
        ("sales-eu", "sales_eu"),
        ("SALES_EU", "sales_eu"),
        ("sales\n", "sales"),
        ("sales'; drop table x --", "sales_drop_table_x"),
        ("$(reboot)", "reboot"),
        ("{{ sales }}", "sales"),
        ("", "sales_orders"),
    ],
)
def test_names_that_are_none(refusal, name, such_as):
    said = refusal(MANIFEST.replace("name: sales", f"name: {json.dumps(name)}"))
    assert said.startswith("name: ")
    assert said.endswith(f"lower case letters, digits and _, a letter first, such as {such_as}")


def test_the_longest_name(repository, schema, refusal):
    (repository / "pipeline.yml").write_text(MANIFEST.replace("name: sales", f"name: {'a' * 48}"))
    assert read_manifest(repository, schema)["name"] == "a" * 48
    assert "2 to 48 characters (it has 49)" in refusal(MANIFEST.replace("name: sales", f"name: {'a' * 49}"))


def test_names_are_those_of_the_schema(schema):
    assert schema["properties"]["name"]["pattern"] == f"^{pipeline_manifest.NAME.pattern}$"
    assert name_fault("sales") == ""


def test_the_longest_schema_fits_every_metastore(schema):
    """Hive's takes 128 characters."""
    assert schema["properties"]["schemas"]["items"]["pattern"].endswith("{0,31}$")
    assert pipeline_manifest.LONGEST_NAME + len("_") + 32 <= 128


def test_no_pattern_lets_a_line_break_pass(refusal):
    assert "schemas.0: 'raw\\n' does not match" in refusal(MANIFEST.replace("[raw]", '["raw\\n"]'))


def test_the_user_of_a_short_name():
    assert user_of("sales") == "pl-sales"


def test_users_of_long_names_are_kept_apart():
    users = {user_of("a" * 47 + end) for end in "xyz"}
    assert len(users) == 3
    assert all(len(user) <= LONGEST_USER for user in users)


# -- time


@pytest.mark.parametrize("zone", ["Europe", "Europe/oslo", "Localtime", "UTC+1", "Posix/UTC"])
def test_time_zones_that_are_none(refusal, zone):
    assert f"timezone: {zone!r} is not in the tz data base" in refusal(f"{MANIFEST}timezone: {zone}\n")


# -- settings


@pytest.mark.parametrize("name", ["PIPELINE_TARGET", "TRINO_USER", "S3_SECRET_KEY", "PYTHONPATH", "PATH", "lower"])
def test_a_setting_can_not_take_the_place_of_the_platforms(refusal, schema, name):
    assert refusal(MANIFEST + f"settings: {{{name}: x}}\n").startswith("settings: ")
    assert name in settings_fault({name: "x"}, schema)


@pytest.mark.parametrize("value", ["[1]", "{a: b}", "null"])
def test_a_setting_is_one_value(refusal, schema, value):
    assert refusal(MANIFEST + f"settings: {{LIST: {value}}}\n").startswith("settings.LIST: ")


def test_a_setting_is_one_line(refusal, schema):
    said = "the value of KEY has a line break, which no environment variable may have"
    assert refusal(MANIFEST + 'settings: {KEY: "a\\nb"}\n') == f"settings: {said}"
    assert settings_fault({"KEY": "a\nb", "OTHER": "x"}, schema) == said


def test_settings_of_a_site(schema):
    assert settings_fault({"URL": "https://example.org", "LIMIT": 5, "ON": True}, schema) == ""
    assert settings_fault(["URL"], schema) == "['URL'] is not of type 'object'"
    assert settings_fault({"LIMIT": [5]}, schema) == "LIMIT: [5] is not of type 'string', 'integer', 'number', 'boolean'"


# -- the file


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "title: 2026-13-45", f"memory_mb: {'9' * 5000}", b"\xff\xfe\x00", b"\x00"])
def test_no_yaml(refusal, text):
    assert refusal(text).startswith(" is not YAML: ")


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n"])
def test_no_mapping(refusal, text):
    assert refusal(text).startswith("the manifest: ")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("!!bool yes please", "line 8: tag:yaml.org,2002:bool says of which type it is: leave that out"),
        ("!!int ''", "line 8: tag:yaml.org,2002:int says"),
        ("!!timestamp x", "line 8: tag:yaml.org,2002:timestamp says"),
        ("!!map {}", "line 8: tag:yaml.org,2002:map says"),
        ("!own x", "line 8: !own says"),
        (f"0x{'f' * 5000}", "line 8: that number is larger than any that is needed"),
        ("9" * 5000, "Exceeds the limit"),
        (f"1{':00' * 200}.5", "is not YAML"),
    ],
)
def test_values_that_are_none(refusal, value, said):
    """One of them ended the play for all, with the words of Python's own error."""
    assert said in refusal(MANIFEST + f"settings: {{A: {value}}}\n")


def test_a_key_that_is_there_twice(refusal):
    assert refusal(MANIFEST + "title: Other\n") == "line 8: the key title is there twice: remove one"
    assert refusal(MANIFEST + "settings: {A: 1, B: 2, A: 3}\n") == "line 8: the key A is there twice: remove one"


@pytest.mark.parametrize("key", ["1", "true", "[a]", "null"])
def test_a_key_that_is_no_text(refusal, key):
    assert "is no text: put it into quotes" in refusal(MANIFEST + f"settings: {{{key}: x}}\n")


def test_few_lines_that_stand_for_many(refusal):
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert refusal("\n".join(lines)) == "line 2: *a0 refers to another place: write out what is meant"


def test_a_hole_without_a_bottom(refusal):
    assert refusal("a: " + "[" * 40 + "]" * 40) == " has more than 30 levels: nothing in it needs that many"
    assert refusal("a: " + "[" * 100_000)


def test_a_large_file(refusal):
    assert refusal(MANIFEST + "#" * 1_000_000).startswith(" is larger than 1 MB")


def test_a_large_value_is_not_repeated(refusal):
    assert len(refusal(MANIFEST.replace("title: Sales", f"title: {'x' * 100_000}"))) < 500


def test_a_link_is_not_followed(repository, schema, tmp_path_factory):
    """What it leads to would be in the message."""
    secret = tmp_path_factory.mktemp("other") / "secret"
    secret.write_text("password: [")
    (repository / "pipeline.yml").unlink()
    (repository / "pipeline.yml").symlink_to(secret)
    with pytest.raises(SourceError, match=r"pipeline\.yml can't be read: it is no regular file, replace it by one$"):
        read_manifest(repository, schema)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file(repository, schema, make):
    (repository / "pipeline.yml").unlink()
    make(repository / "pipeline.yml")
    with pytest.raises(SourceError, match="it is no regular file, replace it by one"):
        read_manifest(repository, schema)


def test_no_manifest_and_no_folder(repository, schema, tmp_path):
    (repository / "pipeline.yml").unlink()
    with pytest.raises(SourceError, match=r"has no pipeline\.yml, so it is no pipeline: make one from cookiecutter-pipeline"):
        read_manifest(repository, schema)
    with pytest.raises(SourceError, match=r"there is no folder .*: mend `path` in the list `pipelines`"):
        read_manifest(tmp_path / "nowhere", schema)


# -- beside each other


def faults(*pipelines: tuple[str, list[str]]) -> list[str]:
    return conflicts([{"name": name, "source": f"/src/{n}", "manifest": {"schemas": s}} for n, (name, s) in enumerate(pipelines)])


def test_pipelines_that_can_live_beside_each_other():
    assert faults(("a", ["raw", "b_raw"]), ("b", ["raw"])) == ["", ""]


def test_two_of_one_name():
    said = "2 pipelines are called a (/src/0 and /src/2): rename one, they would share schemas, keys and user"
    assert faults(("a", ["raw"]), ("b", ["raw"]), ("a", ["raw"])) == [said, "", said]


def test_one_of_two_that_can_not_be_read():
    found = [{"name": "a", "source": "x", "manifest": {"schemas": ["raw"]}}, {"name": "a", "source": "y", "manifest": {}}]
    assert all("2 pipelines are called a (x and y)" in fault for fault in conflicts(found))


def test_two_of_one_user():
    """The user of a long name ends in a part of a sum, and these two names were found to have the same."""
    names = "sales_data_warehouse_xgueiddebb", "sales_data_warehouse_tegjhndtap"
    said = (
        f"the pipelines {names[0]} (/src/0) and {names[1]} (/src/1) would both be the user "
        "pl-sales_data_warehouse-2e920736: rename one"
    )
    assert faults((names[0], ["raw"]), (names[1], ["raw"]), ("x", ["raw"])) == [said, said, ""]


def test_two_of_one_schema():
    """Name and schema are joined by what both may contain."""
    said = (
        "the pipelines sales (/src/0) and sales_eu (/src/1) would both have the schema sales_eu_marts: rename one, or its schema"
    )
    assert faults(("sales", ["raw", "eu_marts"]), ("sales_eu", ["raw", "marts"]), ("x", ["raw"])) == [said, said, ""]
