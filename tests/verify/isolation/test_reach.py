"""What a pipeline reaches with all that it was given: its own, what others publish, and nothing else."""

import hashlib
import json
import re
import shlex
import subprocess

import pytest
from ansible_collections.foss_data.platform.tests.deployed import PLAIN, SECURE
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import NAME, UNRULY, ended, launch

# As the pipeline's user. Who may only pass through a folder can't list it.
TOUCH = """
import json, os, socket
answers = {}
for path in values["paths"]:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).close()
        answers[path] = "read"
    except PermissionError:
        answers[path] = "denied"
for path in values["sockets"]:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
            answers[path] = "connected"
        except PermissionError:
            answers[path] = "denied"
print(json.dumps(answers))
"""
# From a user namespace, as its unit has.
CONNECT = """
import errno, json, socket
answers = {}
for port in values["ports"]:
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::ffff:127.0.0.1"):
        with socket.socket(family) as client:
            code = client.connect_ex((address, port))
            answers.setdefault(port, set()).add(errno.errorcode.get(code, "connected"))
print(json.dumps({port: sorted(found) for port, found in answers.items()}))
"""
# All that its user may read of the host and of who is on it: the names of the secrets that are in there.
SEARCH = """
import json, os, sys
secrets = json.load(sys.stdin)
longest = max(len(secret) for secret in secrets.values())
found, looked = {}, 0
def look(path):
    global looked
    try:
        with open(path, "rb") as file:
            text = b""
            while part := file.read(2**20):
                # One may lie across two parts.
                text = text[-longest:] + part
                for name, secret in secrets.items():
                    if secret.encode() in text:
                        found.setdefault(name, path)
    except OSError:
        return
    looked += 1
for top in "/etc", "/home", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var":
    for folder, folders, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                look(path)
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in "environ", "cmdline":
        look(f"/proc/{pid}/{name}")
print(json.dumps([found, looked]))
"""
S3 = """
import io, json
from minio import Minio
from minio.error import S3Error
s3 = Minio(endpoint="127.0.0.1:9010", access_key=values["key"], secret_key=values["secret"], secure=False, region="eu-north-1")
def attempt(call):
    try:
        call()
    except S3Error as error:
        return error.code
    return "done"
answers = {}
for prefix in values["prefixes"]:
    name = prefix + "verify-reach"
    answers[prefix] = [
        attempt(lambda: s3.put_object("lakehouse", name, io.BytesIO(b"x"), 1)),
        attempt(lambda: s3.get_object("lakehouse", name)),
        attempt(lambda: list(s3.list_objects("lakehouse", prefix=prefix))),
        attempt(lambda: s3.remove_object("lakehouse", name)),
    ]
print(json.dumps(answers))
"""
# Each statement in a session of its own, as none of them may leave a trace.
SQL = """
import json, subprocess
def ask(database, statement):
    done = subprocess.run(
        ["psql", "--no-psqlrc", "--host=127.0.0.1", "--username", values["login"], "--dbname", database,
         "--tuples-only", "--no-align", "--quiet", "--command", statement],
        env={"PGPASSWORD": values["password"], "PATH": "/usr/bin"}, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "refused: " + done.stderr.strip()
print(json.dumps([ask(database, statement) for database, statement in values["asked"]]))
"""
# Dagster's own, or what no run needs: those of pools are the daemon's, as `granularity` is `run`.
NOT_OF_RUNS = (
    "alembic_version",
    "asset_daemon_asset_evaluations",
    "backfill_tags",
    "bulk_actions",
    "concurrency_limits",
    "concurrency_slots",
    "daemon_heartbeats",
    "instance_info",
    "instigators",
    "job_ticks",
    "jobs",
    "kvs",
    "pending_steps",
)


@pytest.fixture(scope="module")
def sql(on_host, own):
    """Answers to statements, each with its database, by the login that a pipeline's runs have."""

    def ask(*asked: tuple[str, str], name: str = NAME) -> list[str]:
        login = {"login": own(name)["DAGSTER_PG_USERNAME"], "password": own(name)["DAGSTER_PG_PASSWORD"]}
        return json.loads(on_host(SQL, asked=asked, **login))

    return ask


@pytest.fixture(scope="module")
def tables(trino, deployed):
    """A table in each schema of the other one, made by its owner."""
    for schema, table in (("raw", "kept"), ("staging", "kept"), ("marts", "open")):
        statement = f"CREATE TABLE IF NOT EXISTS iceberg.{UNRULY}_{schema}.{table} AS SELECT 1 AS one"
        trino(statement, login=UNRULY)
    assert trino(f"SELECT one FROM iceberg.{UNRULY}_raw.kept", login=UNRULY) == [[1]]
    return f"iceberg.{UNRULY}"


@pytest.fixture(scope="module")
def people(trino, deployed):
    """A table with data about persons, made by its owner as a run does, and one that the run would have left if it had failed."""
    persons = f"iceberg.{UNRULY}_persons"
    row = "SELECT 1 AS id, 'ann@example.org' AS mail, DATE '1990-01-31' AS born"
    for table in ("people", "people__dbt_tmp"):
        trino(f"CREATE OR REPLACE TABLE {persons}.{table} AS {row}", login=UNRULY)
    assert trino(f"SELECT * FROM {persons}.people", login=UNRULY) == [[1, "ann@example.org", "1990-01-31"]]
    return persons


@pytest.fixture(scope="module")
def runs(dagster, unruly) -> dict[str, str]:
    """A run of each that wrote what it had to."""
    made = {NAME: launch(dagster, NAME, NAME), UNRULY: unruly.launch("do_nothing")}
    assert unruly.end(made[UNRULY]) == {"SUCCESS"}
    assert ended(dagster, made[NAME]) == "SUCCESS"
    return made


@pytest.fixture(scope="module")
def kept(host, runs, sql):
    """Of each table of Dagster's with rows of the example, where they are, and what they are: their number and sum."""
    of_run, of_asset = f"run_id = '{runs[NAME]}'", f"asset_key LIKE '[\"{NAME}\",%'"
    where = {
        "runs": of_run,
        "run_tags": of_run,
        "event_logs": of_run,
        "asset_check_executions": of_run,
        "asset_keys": of_asset,
        "asset_event_tags": of_asset,
        "dynamic_partitions": f"partitions_def_name = '{NAME}/days'",
        "snapshots": "true",
    }
    day = f"INSERT INTO dynamic_partitions (partitions_def_name, partition) VALUES ('{NAME}/days', 'x') RETURNING partition"
    assert sql(("dagster", day)) == ["x"]

    def look() -> dict[str, tuple[str, str]]:
        return {
            table: host.check_output(
                "runuser -u postgres -- psql --no-psqlrc --dbname=dagster --tuples-only --no-align --command %s",
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY id)) FROM {table} t WHERE {condition}",
            ).split("|")
            for table, condition in where.items()
        }

    yield where, look
    host.check_output("runuser -u postgres -- psql --no-psqlrc --dbname=dagster --command 'DELETE FROM dynamic_partitions'")


def test_files_and_sockets(on_host, deployed):
    paths = [
        f"/etc/pipelines/{UNRULY}",
        f"/etc/pipelines/{UNRULY}/env",
        f"/etc/pipelines/{UNRULY}/secrets",
        f"/etc/pipelines/{NAME}/env",
        f"/etc/pipelines/{NAME}/secrets",
        f"/srv/pipelines/{UNRULY}/releases",
        f"/srv/pipelines/{UNRULY}/current/pipeline.yml",
        f"/var/lib/pipelines/{UNRULY}",
        "/etc/dagster/dagster.env",
        "/etc/trino/trino.env",
        "/etc/trino/rules.json",
        "/var/lib/postgresql/15/main",
        "/var/lib/minio",
        "/var/lib/dagster/compute_logs",
    ]
    sockets = [f"/run/pipelines/{UNRULY}/grpc.sock", f"/run/pipeline-porter/{UNRULY}.sock", f"/run/pipeline-porter/{NAME}.sock"]
    answers = json.loads(on_host(TOUCH, user=f"pl-{NAME}", paths=paths, sockets=sockets))
    assert answers == {path: "denied" for path in [*paths, *sockets]}


def test_the_journal(host):
    """What services print is not a pipeline's to read, nor what another prints."""
    assert host.check_output("journalctl --quiet --lines=1 --output=cat --unit=trino")
    assert host.run("runuser -u pl-%s -- journalctl --quiet --lines=1 --output=cat", NAME).stdout == ""


def test_ports_of_those_who_ask_nobody(host):
    """Dagster's page, the metastore and Trino's own port know their own; the others ask for a login."""

    def reached(user: str) -> dict[str, list[str]]:
        run = "systemd-run --quiet --pipe --wait --collect --uid=%s --property=PrivateUsers=yes /usr/bin/python3 -c %s"
        ports = {"ports": [3000, 9083, 8080, 5432, 9010, 8443]}
        return json.loads(host.check_output(run, user, f"values = {ports}\n{CONNECT}"))

    closed, opened = ["EHOSTUNREACH"], ["connected"]
    services = {"5432": opened, "9010": opened, "8443": opened}
    assert reached(f"pl-{NAME}") == {"3000": closed, "9083": closed, "8080": closed, **services}
    assert reached("nobody") == {"3000": closed, "9083": closed, "8080": closed, **services}
    assert reached("dagster") == {"3000": opened, "9083": closed, "8080": closed, **services}
    assert reached("trino") == {"3000": closed, "9083": opened, "8080": opened, **services}
    assert reached("root") == {"3000": opened, "9083": opened, "8080": opened, **services}


def test_no_secret_lies_where_it_is_read(root, standin, host, own, credentials, deployed):
    """Neither the platform's nor another's, in any file or process; and its own are found where they are its own."""
    others = {name: value for name, value in own(UNRULY).items() if re.search("PASSWORD|SECRET", name)}
    assert len(others) == 3
    secrets = {f"other's {name}": value for name, value in others.items()}
    secrets |= {name: (value.splitlines() * 2)[1] for name, value in credentials.items() if name.startswith("secret_")}
    # Everybody's, to know whom to trust.
    del secrets["secret_ca_certificate"]
    ssh = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config"), standin]

    def found(user: str) -> tuple[dict[str, str], int]:
        command = f"runuser -u {user} -- /usr/bin/python3 -c {shlex.quote(SEARCH)}"
        done = subprocess.run([*ssh, command], input=json.dumps(secrets), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    nothing, looked = found(f"pl-{NAME}")
    assert nothing == {}
    assert looked > 100
    assert set(found("root")[0]) >= {*(f"other's {name}" for name in others), "secret_minio_root", "secret_trino_internal"}


def test_objects(on_host, own):
    mine = own(NAME)
    prefixes = [f"pl-{NAME}/", f"pl-{UNRULY}/", f"pl-{NAME}_2/", ""]
    answers = json.loads(on_host(S3, key=mine["S3_ACCESS_KEY"], secret=mine["S3_SECRET_KEY"], prefixes=prefixes))
    assert answers[f"pl-{NAME}/"] == ["done"] * 4
    assert {prefix: answers[prefix] for prefix in prefixes[1:]} == {prefix: ["AccessDenied"] * 4 for prefix in prefixes[1:]}


def test_what_is_published_is_read(trino, tables):
    assert trino(f"SELECT one FROM {tables}_marts.open", login=NAME) == [[1]]


def test_its_password_is_its_own(let_in, deployed, own):
    """Nobody is let in by a name, another's or the administrator's, nor speaks for another."""
    password = own(NAME)["TRINO_PASSWORD"]
    assert password != own(UNRULY)["TRINO_PASSWORD"]
    assert let_in(SECURE, login=(NAME, password)) == {"let in"}
    for name in UNRULY, "platform", "readiness":
        assert let_in(PLAIN, SECURE, said=name) == {"refused"}, name
        assert let_in(PLAIN, SECURE, login=(name, password)) == {"refused"}, name
        assert let_in(SECURE, said=name, login=(NAME, password)) == {"PERMISSION_DENIED"}, name


def test_what_is_published_is_not_written(trino, tables):
    table = f"{tables}_marts.open"
    for statement in (
        f"INSERT INTO {table} VALUES (2)",
        f"UPDATE {table} SET one = 2",
        f"DELETE FROM {table}",
        f"ALTER TABLE {table} ADD COLUMN two bigint",
        f"DROP TABLE {table}",
        f"CREATE TABLE {tables}_marts.intruder (a bigint)",
        f"CREATE VIEW {tables}_marts.intruder AS SELECT 1 AS one",
        f"DROP SCHEMA {tables}_marts CASCADE",
        f"GRANT SELECT ON {table} TO USER stranger",
    ):
        assert trino(statement, login=NAME) in ("PERMISSION_DENIED", "NOT_SUPPORTED"), statement
    assert trino(f"SELECT one FROM {table}", login=UNRULY) == [[1]]


def test_what_is_not_published_is_closed_and_not_seen(trino, tables):
    for table in ("raw.kept", "staging.kept"):
        assert trino(f"SELECT * FROM {tables}_{table}", login=NAME) in ("PERMISSION_DENIED", "SCHEMA_NOT_FOUND"), table
    assert trino(f"CREATE TABLE {tables}_raw.intruder (a bigint)", login=NAME) in ("PERMISSION_DENIED", "SCHEMA_NOT_FOUND")
    seen = trino(
        # Trino lists a table once for each name that is asked for.
        "SELECT DISTINCT table_schema, table_name FROM iceberg.information_schema.tables "
        f"WHERE table_schema LIKE '{UNRULY}%' AND table_name IN ('kept', 'open') ORDER BY 1, 2",
        login=NAME,
    )
    assert seen == [[f"{UNRULY}_marts", "open"]]
    schemas = trino("SHOW SCHEMAS FROM iceberg", login=NAME)
    assert [f"{UNRULY}_raw"] not in schemas


def test_others_see_masks(trino, people):
    hashed = hashlib.sha256(b"ann@example.org").hexdigest()
    assert trino(f"SELECT * FROM {people}.people", login=NAME) == [[1, hashed, None]]
    # Nor can they ask for what they don't see.
    condition = "mail = 'ann@example.org' OR born IS NOT NULL"
    assert trino(f"SELECT count(*) FROM {people}.people WHERE {condition}", login=NAME) == [[0]]
    assert trino(f"SELECT count(*) FROM {people}.people WHERE {condition}", login=UNRULY) == [[1]]
    assert "1990" not in json.dumps(trino(f"SHOW STATS FOR {people}.people", login=NAME))
    assert "1990" in json.dumps(trino(f"SHOW STATS FOR {people}.people", login=UNRULY))


@pytest.mark.parametrize("what", ["* FROM {}.people__dbt_tmp", '* FROM {}."people$files"', '"$path" FROM {}.people'])
def test_masks_are_not_gone_around(trino, people, what):
    statement = f"SELECT {what.format(people)}"
    assert trino(statement, login=NAME) == "PERMISSION_DENIED"
    assert len(trino(statement, login=UNRULY)) == 1


def test_the_database_is_dagsters_alone(sql):
    """Not even the names of what is in others."""
    databases = ("hive_metastore", "iceberg", "warehouse", "postgres", "template1")
    answers = sql(("dagster", "SELECT count(*) >= 0 FROM runs"), *((name, "SELECT 1") for name in databases))
    assert answers[0] == "t"
    assert not [answer for answer in answers[1:] if "pg_hba.conf rejects connection" not in answer]


def test_dagsters_tables_stay(sql):
    statements = [
        "DROP TABLE runs",
        "TRUNCATE event_logs",
        "DELETE FROM runs",
        "DELETE FROM event_logs",
        "DELETE FROM dynamic_partitions",
        "UPDATE event_logs SET event = ''",
        "ALTER TABLE runs ADD COLUMN x text",
        "CREATE TABLE intruder (a int)",
        "CREATE TEMP TABLE intruder (a int)",
        "UPDATE daemon_heartbeats SET body = ''",
        *(f"SELECT * FROM {table}" for table in NOT_OF_RUNS),
        "CREATE ROLE intruder",
        "SELECT rolpassword FROM pg_authid",
        "COPY runs TO PROGRAM 'cat'",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1, 1)",
        "SELECT pg_logical_emit_message(false, 'x', 'y')",
        "SET temp_file_limit = -1",
        "ALTER ROLE CURRENT_USER RESET temp_file_limit",
        f'GRANT dagster_run TO "pl-{NAME}"',
    ]
    answers = sql(*(("dagster", statement) for statement in statements))
    refused = ("permission denied", "must be owner", "must have admin option", "must be superuser")
    assert not {s: a for s, a in zip(statements, answers, strict=True) if not any(text in a for text in refused)}


def test_no_table_is_locked(sql):
    """But in the modes that whoever reads, or adds rows, takes anyway; they are in nobody's way who does the same."""
    [names] = sql(("dagster", "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'"))
    modes = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"]
    modes += ["SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"]
    tried = [(table, mode) for table in names.split() for mode in modes]
    answers = sql(*(("dagster", f"BEGIN; LOCK TABLE {table} IN {mode} MODE NOWAIT") for table, mode in tried))
    taken = {tried for tried, answer in zip(tried, answers, strict=True) if "permission denied" not in answer}
    read = {"event_logs", "runs", "run_tags", "asset_keys", "asset_check_executions", "asset_event_tags", "dynamic_partitions"}
    added_to = read - {"runs"}
    assert set(NOT_OF_RUNS) < set(names.split())
    assert taken == {(table, modes[0]) for table in read | {"snapshots", "secondary_indexes"}} | {
        (table, modes[2]) for table in added_to
    }


def test_a_query_does_not_fill_the_disk(sql):
    """Not for long: what it keeps there while it goes on has a limit."""
    [said] = sql(
        ("dagster", "SELECT count(*) FROM (SELECT x, repeat('x', 100) FROM generate_series(1, 10000000) x ORDER BY 2, 1) y")
    )
    assert "temporary file size exceeds temp_file_limit" in said


def test_one_login_is_another_ones(deployed, own, sql):
    assert own(NAME)["DAGSTER_PG_PASSWORD"] != own(UNRULY)["DAGSTER_PG_PASSWORD"]
    members = "pg_has_role(oid, 'dagster_run', 'member') AND rolcanlogin AND NOT rolsuper"
    shown = f"SELECT rolname FROM pg_roles WHERE {members} AND rolconnlimit > 0"
    assert set(sql(("dagster", shown))[0].splitlines()) >= {f"pl-{NAME}", f"pl-{UNRULY}"}


def test_others_rows_are_not_seen(sql, kept):
    where, look = kept
    assert not [table for table, (count, _sum) in look().items() if count == "0"]
    asked = [f"SELECT count(*) FROM {table} WHERE {condition}" for table, condition in where.items()]
    for session in "", "SET ROLE dagster_run; ":
        answers = sql(*(("dagster", session + statement) for statement in asked), name=UNRULY)
        assert dict(zip(where, answers, strict=True)) == dict.fromkeys(where, "0")
    [refused] = sql(("dagster", "SET row_security = off; SELECT * FROM runs"), name=UNRULY)
    assert "query would be affected by row-level security policy" in refused


def test_others_rows_are_not_written(sql, kept, runs):
    """Neither is what there is changed, nor anything added to it, nor is a run made another's."""
    mine, theirs = runs[UNRULY], runs[NAME]
    owner, asset = "'.dagster/repository'", f'\'["{NAME}", "raw", "parking_fetches"]\''
    own_asset = f'\'["{UNRULY}", "x"]\''
    not_there = [
        f"UPDATE runs SET status = 'FAILURE' WHERE run_id = '{theirs}' RETURNING 1",
        f"UPDATE run_tags SET value = '__repository__@{UNRULY}' WHERE run_id = '{theirs}' RETURNING 1",
        f"UPDATE run_tags SET value = '__repository__@{NAME}' WHERE run_id = '{mine}' AND key = {owner} RETURNING 1",
        f"UPDATE asset_check_executions SET execution_status = 'FAILED' WHERE run_id = '{theirs}' RETURNING 1",
        f"UPDATE asset_keys SET last_run_id = '{mine}' WHERE asset_key = {asset} RETURNING 1",
    ]
    refused = [
        f"INSERT INTO event_logs (run_id, event) VALUES ('{theirs}', 'x')",
        f"INSERT INTO event_logs (run_id, event, asset_key) VALUES ('{mine}', 'x', {asset})",
        "INSERT INTO event_logs (run_id, event) VALUES ('', 'x')",
        f"INSERT INTO run_tags (run_id, key, value) VALUES ('{theirs}', {owner}, '__repository__@{UNRULY}')",
        f"INSERT INTO run_tags (run_id, key, value) VALUES ('{theirs}', 'x', 'y')",
        f"INSERT INTO run_tags (run_id, key, value) VALUES ('{mine}', {owner}, '__repository__@{NAME}')",
        f"INSERT INTO asset_keys (asset_key) VALUES ({asset}) ON CONFLICT (asset_key) DO UPDATE SET last_run_id = '{mine}'",
        f"INSERT INTO asset_event_tags (event_id, asset_key, key) VALUES (1, {asset}, 'x')",
        f"INSERT INTO asset_check_executions (asset_key, check_name, run_id) VALUES ({own_asset}, 'x', '{theirs}')",
        f"INSERT INTO asset_check_executions (asset_key, check_name, run_id) VALUES ({asset}, 'x', '{mine}')",
        f"INSERT INTO dynamic_partitions (partitions_def_name, partition) VALUES ('{NAME}/days', 'x')",
    ]
    denied = [
        f"UPDATE runs SET run_id = '{theirs}' WHERE run_id = '{mine}'",
        f"UPDATE run_tags SET run_id = '{theirs}' WHERE run_id = '{mine}'",
        f"UPDATE run_tags SET key = {owner}, value = '__repository__@{NAME}' WHERE run_id = '{mine}'",
    ]
    _where, look = kept
    before = look()
    answers = sql(*(("dagster", statement) for statement in not_there), name=UNRULY)
    assert answers == [""] * len(not_there)
    for message, statements in ("violates row-level security policy", refused), ("permission denied for table", denied):
        said = dict(zip(statements, sql(*(("dagster", each) for each in statements), name=UNRULY), strict=True))
        assert not {statement: answer for statement, answer in said.items() if message not in answer}
    assert look() == before


def test_its_own_rows_are_written(sql, runs):
    """What a run does not do every time."""
    mine = runs[UNRULY]
    into = "INSERT INTO dynamic_partitions (partitions_def_name, partition)"
    assert sql(
        ("dagster", f"UPDATE runs SET status = status WHERE run_id = '{mine}' RETURNING 1"),
        ("dagster", f"INSERT INTO run_tags (run_id, key, value) VALUES ('{mine}', 'added', 'a') RETURNING value"),
        ("dagster", f"UPDATE run_tags SET value = 'b' WHERE run_id = '{mine}' AND key = 'added' RETURNING value"),
        ("dagster", f"{into} VALUES ('{UNRULY}/hours', 'x') ON CONFLICT DO NOTHING RETURNING 1"),
        name=UNRULY,
    )[:3] == ["1", "a", "b"]


def test_a_run_writes_what_dagster_wants_it_to(host, dagster, unruly):
    """Each column that it updates, and the reason of a failure; that runs of the example end well is seen above."""
    run, failed = unruly.launch("do_everything"), unruly.again("do_fault")
    assert (ended(dagster, run), ended(dagster, failed)) == ("SUCCESS", "FAILURE")
    asked = [
        f"SELECT value FROM run_tags WHERE run_id = '{run}' AND key LIKE 'turn%' ORDER BY key",
        f"SELECT count(*) FROM asset_check_executions WHERE run_id = '{run}' AND execution_status = 'SUCCEEDED'",
        f"SELECT last_run_id = '{run}', cached_status_data IS NOT NULL FROM asset_keys WHERE asset_key LIKE '%{UNRULY}%written%'",
        f"SELECT partition FROM dynamic_partitions WHERE partitions_def_name = '{UNRULY}/days' ORDER BY 1",
        f"SELECT value FROM run_tags WHERE run_id = '{failed}' AND key = 'dagster/failure_reason'",
        f"SELECT start_time < end_time FROM runs WHERE run_id IN ('{run}', '{failed}')",
    ]
    psql = "runuser -u postgres -- psql --no-psqlrc --dbname=dagster --tuples-only --no-align --command %s"
    assert [host.check_output(psql, statement).split() for statement in asked] == [
        ["1", "x", "x"],
        ["2"],
        ["t|t"],
        ["a", "b"],
        ["STEP_FAILURE"],
        ["t", "t"],
    ]


def test_nobody_raises_its_own_limits(trino):
    assert trino("SET SESSION query_max_execution_time = '10d'", login=NAME) == "PERMISSION_DENIED"
    assert trino("SET SESSION query_max_execution_time = '3h'", "SELECT 1") == [[1]]
