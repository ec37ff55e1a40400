"""Role trino: rows written and read in each catalog, nothing left behind, nobody let in who has no rule."""

import json
import re
from functools import partial

import pytest
from ansible_collections.foss_data.platform.tests.deployed import until

OBJECTS = """
from minio import Minio
s3 = Minio(endpoint="127.0.0.1:9010", access_key="trino", secret_key=values["secret"], secure=False, region="eu-north-1")
print(sum(1 for _ in s3.list_objects("lakehouse", prefix=values["prefix"], recursive=True)))
"""
# Two writers begin together and rewrite the same rows, each with its own word.
MERGE_AT_ONCE = """
import json, threading
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import TrinoQueryError
together, ended = threading.Barrier(2), {}
def write(word):
    known = values["login"]
    login = BasicAuthentication(known["user"], known["password"])
    where = {"host": "127.0.0.1", "port": 8443, "http_scheme": "https", "verify": known["ca_path"]}
    cursor = connect(**where, user=known["user"], auth=login).cursor()
    together.wait()
    try:
        cursor.execute(
            "MERGE INTO " + values["table"] + " AS t USING tpch.tiny.orders AS o ON t.orderkey = o.orderkey "
            "WHEN MATCHED THEN UPDATE SET comment = '" + word + "'"
        ).fetchall()
        ended[word] = "done"
    except TrinoQueryError as error:
        ended[word] = error.error_name + ": " + error.message
writers = [threading.Thread(target=write, args=(word,)) for word in ("one", "other")]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
print(json.dumps(ended))
"""


@pytest.fixture
def objects(on_host, credentials):
    """Number of objects below a prefix."""
    return lambda prefix: int(on_host(OBJECTS, secret=credentials["secret_minio_trino"], prefix=prefix))


@pytest.mark.parametrize("catalog", ["iceberg", "delta"])
def test_rows_are_written_changed_and_read(trino, objects, catalog):
    schema = f"{catalog}.verify_{catalog}"
    prefix = f"verify_{catalog}/"
    trino(f"CREATE SCHEMA IF NOT EXISTS {schema} WITH (location = 's3://lakehouse/{prefix}')")
    answer = trino(
        f"CREATE TABLE {schema}.probe (id bigint, word varchar)",
        f"INSERT INTO {schema}.probe VALUES (1, 'one'), (2, 'two'), (3, 'three')",
        f"UPDATE {schema}.probe SET word = 'zwei' WHERE id = 2",
        f"DELETE FROM {schema}.probe WHERE id = 3",
        f"SELECT id, word FROM {schema}.probe ORDER BY id",
    )
    assert answer == [[1, "one"], [2, "zwei"]]
    assert objects(prefix) > 0
    trino(f"DROP TABLE {schema}.probe", f"DROP SCHEMA {schema}")
    assert objects(prefix) == 0


def test_files_are_parquet_with_zstd(trino):
    answer = trino(
        "CREATE SCHEMA IF NOT EXISTS iceberg.verify_files WITH (location = 's3://lakehouse/verify_files/')",
        "CREATE OR REPLACE TABLE iceberg.verify_files.probe AS SELECT * FROM tpch.tiny.nation",
        'SELECT DISTINCT file_format FROM iceberg.verify_files."probe$files"',
    )
    assert answer == [["PARQUET"]]
    codec = trino("SELECT value FROM iceberg.verify_files.\"probe$properties\" WHERE key = 'write.parquet.compression-codec'")
    assert str(codec).lower() == "[['zstd']]"
    trino("DROP TABLE iceberg.verify_files.probe", "DROP SCHEMA iceberg.verify_files")


def test_postgresql_catalog_reads_what_it_wrote(trino):
    answer = trino(
        "CREATE TABLE postgresql.public.verify_probe AS SELECT 42 AS answer",
        "SELECT answer FROM postgresql.public.verify_probe",
    )
    trino("DROP TABLE postgresql.public.verify_probe")
    assert answer == [[42]]


def test_of_two_merges_at_once_one_is_refused(on_host, trino, trino_login):
    """And says so, with nothing half done. That is why a pipeline has one run at a time (tests/verify/pipeline)."""
    table = "iceberg.verify_merge.orders"
    trino(
        "CREATE SCHEMA IF NOT EXISTS iceberg.verify_merge WITH (location = 's3://lakehouse/verify_merge/')",
        f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM tpch.tiny.orders",
    )
    try:
        ended = json.loads(on_host(MERGE_AT_ONCE, table=table, login=trino_login))
        [winner] = [word for word, answer in ended.items() if answer == "done"]
        [refused] = [answer for answer in ended.values() if answer != "done"]
        assert refused.startswith("ICEBERG_COMMIT_ERROR: Failed to commit")
        assert trino(f"SELECT comment, count(*) FROM {table} GROUP BY comment") == [[winner, 15000]]
    finally:
        trino("DROP SCHEMA iceberg.verify_merge CASCADE")


def test_who_has_no_rule_sees_no_data(trino):
    assert trino("SELECT count(*) FROM tpch.tiny.nation", login="stranger") == "PERMISSION_DENIED"
    assert trino("CREATE CATALOG mine USING tpch", login="stranger") == "PERMISSION_DENIED"


def test_secrets_are_in_no_catalog_file_and_no_query(host, trino, credentials):
    queries = str(trino("SELECT query FROM system.runtime.queries"))
    for name in ("secret_minio_trino", "secret_postgresql_trino", "secret_trino_internal", "secret_trino_admin"):
        assert credentials[name] not in queries
        kept = "--exclude=trino.env --exclude=s3-mapping.json"
        assert host.run(f"grep -r %s /var/lib/trino /etc/trino {kept}", credentials[name]).rc == 1


@pytest.fixture
def owned_schema(module, trino_login, keyed):
    """A schema that is somebody's, as a pipeline's is."""
    location = "s3://lakehouse/verify_owned/"
    schema = {**trino_login, "catalog": "iceberg", "name": "verify_owned", "rules_file": "/etc/trino/rules.json"}
    try:
        with keyed("verify_owner", location):
            module("trino_schema", **schema, owner="verify_owner", location=location)
            yield "iceberg.verify_owned"
    finally:
        module("trino_schema", **schema, cascade=True, state="absent")


def test_the_administrator_can_be_another_one(host, play, trino, owned_schema):
    """Its rights and its share of Trino follow its name; rules of schemas stay, and going back leaves nothing to do."""
    rules = host.file("/etc/trino/rules.json").content_string
    secret = "SELECT count(*) FROM tpch.tiny.nation"
    change = ["site.yml", "--tags", "trino", "-e", "platform_admin=verify.admin"]

    def changes(*arguments: str) -> int:
        done = play(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return int(re.search(r"changed=(\d+) .*failed=0", done.stdout)[1])

    try:
        predicted = changes(*change, "--check")
        assert predicted
        assert changes(*change) == predicted
        asked = partial(trino, admin="verify.admin")
        assert asked(secret, login="verify.admin") == [[25]]
        # The name is a name, not a pattern.
        for other in ("platform", "verify-admin"):
            assert asked(secret, login=other) == "PERMISSION_DENIED"
        statements = [f"CREATE TABLE {owned_schema}.probe AS SELECT 1 AS one", f"SELECT one FROM {owned_schema}.probe"]
        assert asked(*statements, login="verify_owner") == [[1]]
        assert changes(*change) == 0
    finally:
        back = changes("site.yml", "--tags", "trino")
    assert back == predicted
    assert json.loads(host.file("/etc/trino/rules.json").content_string) == json.loads(rules)
    assert changes("site.yml", "--tags", "trino") == 0


def test_java_takes_the_options(host):
    """A JVM refuses an option that it does not know, and warns of one that is going away."""
    java = host.check_output("systemctl show --property=ExecStart trino").split("path=")[1].split()[0]
    said = host.run("runuser -u trino -- %s @/etc/trino/jvm.config -version", java)
    assert said.rc == 0, said.stderr
    assert "warning" not in said.stderr.lower()


def test_trino_checks_the_rules_that_it_reads(host, trino):
    """So an answer to a query is also its word on the file."""
    assert trino("SELECT 1") == [[1]]
    host.check_output("cp --preserve=all /etc/trino/rules.json /etc/trino/rules.verify")
    try:
        host.check_output("sed --in-place '1s/{/{\"no_such_rules\": [],/' /etc/trino/rules.json")
        answer = until(lambda: (said := trino("SELECT 1")) != [[1]] and said, 30)
    finally:
        # With its owner and its mode.
        host.check_output("mv --force /etc/trino/rules.verify /etc/trino/rules.json")
    assert answer == "GENERIC_INTERNAL_ERROR"
    assert until(lambda: trino("SELECT 1") == [[1]], 30)
