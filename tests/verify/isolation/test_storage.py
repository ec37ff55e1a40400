"""Tables at addresses that are another pipeline's: neither made there, nor taken away from there, nor read from there."""

import json

import pytest
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import NAME, UNRULY

BUCKET = "s3://lakehouse"
FORGER = "verify_forger"
# What a pipeline can do to its own table with its own key: say in its metadata that another's files are the table's.
FORGE = """
import io, json, re
from minio import Minio
s3 = Minio(endpoint="127.0.0.1:9010", access_key=values["key"], secret_key=values["secret"], secure=False, region="eu-north-1")
def put(name, text):
    s3.put_object("lakehouse", name, io.BytesIO(text.encode()), len(text.encode()))
names = sorted(item.object_name for item in s3.list_objects("lakehouse", prefix=values["prefix"], recursive=True))
if values["catalog"] == "iceberg":
    last = [name for name in names if name.endswith(".metadata.json")][-1]
    metadata = json.loads(s3.get_object("lakehouse", last).data)
    for snapshot in metadata["snapshots"] if values["file"] else []:
        snapshot["manifest-list"] = values["file"]
    metadata["location"] = values.get("location", metadata["location"])
    put(last, json.dumps(metadata))
else:
    last = [name for name in names if re.search(r"/_delta_log/[0-9]+\\.json$", name)][-1]
    folder, _slash, name = last.rpartition("/")
    add = {"path": values["file"], "partitionValues": {}, "size": values["size"], "modificationTime": 0, "dataChange": True}
    put(f"{folder}/{int(name.removesuffix('.json')) + 1:020}.json", json.dumps({"add": add}))
"""
LIST = """
import json
from minio import Minio
s3 = Minio(endpoint="127.0.0.1:9010", access_key=values["key"], secret_key=values["secret"], secure=False, region="eu-north-1")
print(json.dumps([item.object_name for item in s3.list_objects("lakehouse", prefix=values["prefix"], recursive=True)]))
"""


@pytest.fixture(params=["iceberg", "delta"])
def catalog(request) -> str:
    """Each of those that keep tables in the object store."""
    return request.param


@pytest.fixture
def schemas(module, trino, trino_login, deployed, catalog):
    """A schema of each of the two pipelines that nobody else reads, and where the other one's lies."""
    options = {**trino_login, "catalog": catalog, "rules_file": "/etc/trino/rules.json"}
    names = {owner: f"verify_storage_{owner}" for owner in (NAME, UNRULY)}
    try:
        for owner, name in names.items():
            module("trino_schema", **options, name=name, owner=owner, location=f"{BUCKET}/pl-{owner}/verify_storage/")
        yield f"{catalog}.{names[NAME]}", f"{catalog}.{names[UNRULY]}", f"{BUCKET}/pl-{UNRULY}/verify_storage"
    finally:
        for name in names.values():
            module("trino_schema", **options, name=name, cascade=True, state="absent")


@pytest.fixture
def objects(on_host, own):
    """The other one's objects, by its own key."""
    keys = {"key": own(UNRULY)["S3_ACCESS_KEY"], "secret": own(UNRULY)["S3_SECRET_KEY"]}
    return lambda: json.loads(on_host(LIST, prefix=f"pl-{UNRULY}/verify_storage/", **keys))


def test_a_table_at_anothers_address_takes_nothing_away(trino, schemas, objects):
    """It is made while nothing is there yet, and dropped when the other one has written there."""
    mine, theirs, address = schemas
    place = f"WITH (location = '{address}/ahead/')"
    made = [
        trino(f"CREATE TABLE {mine}.trap (one integer) {place}", login=NAME),
        trino(f"CREATE TABLE {mine}.filled {place.replace('ahead', 'ahead/filled')} AS SELECT 2 AS one", login=NAME),
    ]
    assert trino(f"CREATE TABLE {theirs}.kept {place.replace('ahead', 'ahead/kept')} AS SELECT 1 AS one", login=UNRULY) == [[1]]
    before = objects()
    for table in "trap", "filled":
        trino(f"DROP TABLE {mine}.{table}", login=NAME)
    assert objects() == before
    assert trino(f"SELECT one FROM {theirs}.kept", login=UNRULY) == [[1]]
    assert made == ["PERMISSION_DENIED"] * 2


def test_nor_does_a_schema_there(trino, schemas, objects):
    """A pipeline may drop a schema of its own and make it again somewhere else."""
    mine, theirs, address = schemas
    assert trino(f"CREATE TABLE {theirs}.kept AS SELECT 1 AS one", login=UNRULY) == [[1]]
    before = objects()
    moved = [f"DROP SCHEMA {mine}", f"CREATE SCHEMA {mine} WITH (location = '{address}/')"]
    # Delta Lake looks there when the schema is made, Iceberg when a table is.
    assert trino(*moved, f"CREATE TABLE {mine}.filled AS SELECT 2 AS one", login=NAME) == "PERMISSION_DENIED"
    trino(f"DROP SCHEMA {mine} CASCADE", login=NAME)
    assert objects() == before
    assert trino(f"SELECT one FROM {theirs}.kept", login=UNRULY) == [[1]]


@pytest.mark.parametrize("catalog", ["iceberg"])
def test_nor_are_a_tables_files_put_there(trino, schemas, objects):
    mine, _theirs, address = schemas
    layout = f"WITH (object_store_layout_enabled = true, data_location = '{address}/')"
    before = objects()
    assert trino(f"CREATE TABLE {mine}.kept {layout} AS SELECT 1 AS one", login=NAME) == "PERMISSION_DENIED"
    assert objects() == before


def test_nor_is_a_table_made_where_everybody_reads(trino, schemas):
    """There Trino works with a key that writes nothing."""
    mine, _theirs, _address = schemas
    place = f"WITH (location = '{BUCKET}/pl-{UNRULY}/marts/verify_storage/')"
    assert isinstance(trino(f"CREATE TABLE {mine}.trap (one integer) {place}", login=NAME), str)
    assert trino(f"DROP TABLE {mine}.trap", login=NAME) == "TABLE_NOT_FOUND"


def test_a_forged_table_shows_and_removes_nothing(on_host, own, trino, schemas, objects, catalog):
    """Its metadata leads to the other one's files."""
    mine, theirs, _address = schemas
    assert trino(f"CREATE TABLE {theirs}.kept AS SELECT 42 AS one", login=UNRULY) == [[1]]
    assert trino(f"CREATE TABLE {mine}.forged AS SELECT 0 AS one", login=NAME) == [[1]]
    before = objects()
    if catalog == "iceberg":
        [[file, size]] = trino(f'SELECT manifest_list, 0 FROM {theirs}."kept$snapshots"', login=UNRULY)
    else:
        [[file, size]] = trino(f'SELECT "$path", "$file_size" FROM {theirs}.kept', login=UNRULY)
    keys = {"key": own(NAME)["S3_ACCESS_KEY"], "secret": own(NAME)["S3_SECRET_KEY"]}
    on_host(FORGE, catalog=catalog, prefix=f"pl-{NAME}/verify_storage/forged", file=file, size=size, **keys)
    seen = [trino(f"SELECT one FROM {mine}.forged", login=NAME)]
    if catalog == "iceberg":
        seen.append(trino(f'SELECT file_path FROM {mine}."forged$files"', login=NAME))
    trino(f"DROP TABLE {mine}.forged", login=NAME)
    assert objects() == before
    assert seen == ["PERMISSION_DENIED"] * len(seen)


@pytest.mark.parametrize("catalog", ["iceberg"])
def test_a_removal_takes_nothing_of_another(on_host, own, trino, play, from_template, tmp_path, schemas, objects):
    """Its table says that it lies where another's do, and the administrator drops it."""
    _mine, theirs, address = schemas
    assert trino(f"CREATE TABLE {theirs}.kept AS SELECT 42 AS one", login=UNRULY) == [[1]]
    before = objects()
    with from_template(tmp_path, FORGER, schedule="0 0 29 2 *") as forger:
        done = play(*forger.play)
        assert done.returncode == 0, done.stdout + done.stderr
        assert trino(f"CREATE TABLE iceberg.{FORGER}_raw.forged AS SELECT 0 AS one", login=FORGER) == [[1]]
        keys = {"key": own(FORGER)["S3_ACCESS_KEY"], "secret": own(FORGER)["S3_SECRET_KEY"]}
        on_host(FORGE, catalog="iceberg", prefix=f"pl-{FORGER}/raw/forged", file="", location=address, **keys)
    # With its data it is gone by now.
    assert trino(f"SHOW SCHEMAS FROM iceberg LIKE '{FORGER}%'") == []
    assert objects() == before


def test_its_own_tables_are_tidied(trino, schemas, catalog):
    """What a run does to its tables, it does with its own key."""
    mine = schemas[0]
    assert trino(f"CREATE TABLE {mine}.kept AS SELECT 1 AS one", login=NAME) == [[1]]
    statements = [
        f"INSERT INTO {mine}.kept VALUES (2)",
        f"DELETE FROM {mine}.kept WHERE one = 1",
        f"ALTER TABLE {mine}.kept EXECUTE optimize",
    ]
    if catalog == "iceberg":
        steps = ("expire_snapshots", "remove_orphan_files")
        statements += [f"ALTER TABLE {mine}.kept EXECUTE {step}(retention_threshold => '7d')" for step in steps]
    else:
        statements.append(f"CALL delta.system.vacuum('{mine.partition('.')[2]}', 'kept', '7d')")
    for statement in statements:
        assert isinstance(trino(statement, login=NAME), list), statement
    assert trino(f"SELECT one FROM {mine}.kept", login=NAME) == [[2]]
    assert isinstance(trino(f"DROP SCHEMA {mine} CASCADE", login=NAME), list)
