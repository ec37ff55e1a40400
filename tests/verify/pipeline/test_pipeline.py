"""Role pipeline: it works with what is its own, reaches nothing else, and a deploy does not break what it is doing."""

import json
import re

import pytest

NAME = "stavanger_parking"
UNIT = f"pipeline@{NAME}"
HOME = f"/srv/pipelines/{NAME}"
STATE = f"/var/lib/pipelines/{NAME}"
SOCKET = f"/run/pipelines/{NAME}/grpc.sock"
NEIGHBOUR = "verify_neighbour"
KEPT = 5

S3 = """
import io, json, re
from minio import Minio
from minio.error import S3Error
given = "".join(open(f"/etc/pipelines/stavanger_parking/{name}").read() for name in ("env", "secrets"))
own = dict(re.findall(r'^(\\w+)="(.*)"$', given, re.MULTILINE))
def client(access_key, secret_key):
    return Minio(endpoint="127.0.0.1:9010", access_key=access_key, secret_key=secret_key, secure=False, region="eu-north-1")
s3 = client(own["S3_ACCESS_KEY"], own["S3_SECRET_KEY"])
def attempt(call):
    try:
        call()
    except S3Error as error:
        return error.code
    return "done"
"""
OPEN = """
import json, socket
answers = {}
for path in values["paths"]:
    try:
        open(path).close()
        answers[path] = "opened"
    except IsADirectoryError:
        import os
        try:
            os.listdir(path)
            answers[path] = "listed"
        except PermissionError:
            answers[path] = "denied"
    except PermissionError:
        answers[path] = "denied"
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(values["socket"])
        answers[values["socket"]] = "connected"
    except PermissionError:
        answers[values["socket"]] = "denied"
print(json.dumps(answers))
"""
# Asks until the answer is there, or the time is over.
WAIT_FOR_RUN = """
import time, requests
query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
deadline = time.monotonic() + 600
while True:
    asked = {"query": query, "variables": {"id": values["run"]}}
    status = requests.post("http://127.0.0.1:3000/graphql", json=asked, timeout=60).json()["data"]["runOrError"]["status"]
    if status in ("SUCCESS", "FAILURE", "CANCELED") or time.monotonic() > deadline:
        break
    time.sleep(0.5)
print(status)
"""
WAIT_FOR_FILE = """
import pathlib, time
path, deadline = pathlib.Path(values["path"]), time.monotonic() + 300
while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
    time.sleep(0.2)
print(path.read_text())
"""
# In the pipeline's ingest: say which release this is, and go on when told to.
HOLD = """    def ingest_feed():
        import time

        held = pipeline.data_dir / "verify"
        (held / "begun").write_text(str(pipeline.root))
        while not (held / "go").exists():
            time.sleep(0.1)
        (held / "went-on").write_text(__file__)
"""


# While the release is prepared: start what would stay, and ask who answers.
STRAY = """
import os, pathlib, socket, subprocess
if "DAGSTER_PG_PASSWORD" not in os.environ:
    subprocess.Popen(["sleep", "86399"], start_new_session=True)
    pathlib.Path(os.environ["PIPELINE_DATA_DIR"], "verify-began").write_text("")
    for port in 8080, 8443, 9010:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            continue
        raise RuntimeError(f"port {port} answers")
"""


@pytest.fixture
def other_user(host):
    """A Linux user as another pipeline has one."""
    user = "pl-" + NEIGHBOUR
    host.check_output("useradd --system --user-group --no-create-home %s", user)
    yield user
    host.check_output("userdel %s", user)


@pytest.fixture
def other_schema(module, trino, trino_login, keyed):
    """Another pipeline's schema, with a table."""
    location = f"s3://lakehouse/{NEIGHBOUR}/raw/"
    schema = {**trino_login, "catalog": "iceberg", "name": f"{NEIGHBOUR}_raw", "rules_file": "/etc/trino/rules.json"}
    try:
        with keyed(NEIGHBOUR, location):
            module("trino_schema", **schema, owner=NEIGHBOUR, location=location)
            assert trino(f"CREATE TABLE iceberg.{NEIGHBOUR}_raw.own AS SELECT 1 AS one", login=NEIGHBOUR) == [[1]]
            yield f"iceberg.{NEIGHBOUR}_raw"
    finally:
        module("trino_schema", **schema, cascade=True, state="absent")


def test_its_rows_are_read_as_its_own_user(module, trino):
    run = module("dagster_run", location=NAME, job=NAME)
    assert run["status"] == "SUCCESS"
    [[raw]] = trino(f"SELECT count(*) FROM iceberg.{NAME}_raw.parking_records", login=NAME)
    [[current]] = trino(f"SELECT count(*) FROM iceberg.{NAME}_marts.current_occupancy", login=NAME)
    assert raw >= current > 0


def test_its_keys_reach_its_prefix_and_nothing_else(on_host, credentials):
    answers = json.loads(
        on_host(
            S3
            + """
other = client("trino", values["secret"])
other.put_object("lakehouse", "pl-verify_neighbour/secret", io.BytesIO(b"x"), 1)
mine, theirs = "pl-stavanger_parking/verify", "pl-verify_neighbour/secret"
try:
    print(json.dumps({
        "own": [
            attempt(lambda: s3.put_object("lakehouse", mine, io.BytesIO(b"x"), 1)),
            attempt(lambda: s3.get_object("lakehouse", mine)),
            attempt(lambda: list(s3.list_objects("lakehouse", prefix="pl-stavanger_parking/"))),
            attempt(lambda: s3.remove_object("lakehouse", mine)),
        ],
        "others": [
            attempt(lambda: s3.get_object("lakehouse", theirs)),
            attempt(lambda: s3.put_object("lakehouse", theirs, io.BytesIO(b"y"), 1)),
            attempt(lambda: s3.remove_object("lakehouse", theirs)),
            attempt(lambda: s3.put_object("lakehouse", "pl-stavanger_parking_2/x", io.BytesIO(b"y"), 1)),
            attempt(lambda: list(s3.list_objects("lakehouse"))),
            attempt(lambda: list(s3.list_objects("lakehouse", prefix="pl-verify_neighbour/"))),
            attempt(lambda: s3.make_bucket("verify-other")),
        ],
    }))
finally:
    other.remove_object("lakehouse", theirs)
""",
            secret=credentials["secret_minio_trino"],
        )
    )
    assert answers == {"own": ["done"] * 4, "others": ["AccessDenied"] * 7}


def test_its_schemas_are_its_own(trino, other_schema):
    theirs, mine = other_schema, f"iceberg.{NAME}_raw"
    for login, schema, table in (
        (NAME, theirs, "own"),
        (NEIGHBOUR, mine, "parking_records"),
        ("stranger", mine, "parking_records"),
    ):
        for statement in (
            f"SELECT * FROM {schema}.{table}",
            f"DELETE FROM {schema}.{table}",
            f"DROP TABLE {schema}.{table}",
            f"CREATE TABLE {schema}.intruder (a bigint)",
            f"DROP SCHEMA {schema} CASCADE",
            f"SHOW TABLES FROM {schema}",
        ):
            answer = trino(statement, login=login)
            # What it may not know of is not listed, or is not there for it.
            assert answer in ("PERMISSION_DENIED", "SCHEMA_NOT_FOUND", []), f"{login}: {statement}: {answer}"
    assert trino(f"SELECT * FROM {theirs}.own", login=NEIGHBOUR) == [[1]]


def test_unit_is_sandboxed_and_limited(host):
    names = [
        "User",
        "ProtectSystem",
        "ProtectHome",
        "NoNewPrivileges",
        "CapabilityBoundingSet",
        "MemoryMax",
        "Slice",
    ]
    shown = host.check_output(f"systemctl show {' '.join(f'-p {name}' for name in names)} {UNIT}")
    assert dict(line.split("=", 1) for line in shown.splitlines()) == {
        "User": f"pl-{NAME}",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "MemoryMax": str(1024 * 2**20),
        "Slice": f"pipelines-{NAME}.slice",
    }


def test_another_user_reaches_nothing_of_it(on_host, other_user):
    given = [f"/etc/pipelines/{NAME}/{name}" for name in ("env", "secrets")]
    paths = [*given, f"{HOME}/releases", f"{HOME}/current/pipeline.yml", STATE, f"{STATE}/raw"]
    answers = json.loads(on_host(OPEN, user=other_user, paths=paths, socket=SOCKET))
    assert answers == {path: "denied" for path in [*paths, SOCKET]}


def test_its_own_user_can_not_change_its_code(on_host):
    code = "import os\nprint([os.access(p, os.W_OK) for p in values['paths']])"
    paths = [f"{HOME}/current/pipeline.yml", f"{HOME}/current/orchestration", f"{HOME}/releases", HOME, "/opt/pipeline-envs"]
    assert on_host(code, user=f"pl-{NAME}", paths=paths) == str([False] * len(paths))


def test_the_same_content_changes_nothing(host, play, parking):
    """From another folder, too."""
    assert host.check_output("readlink %s/current", HOME) == f"releases/{parking.release()}"
    done = play(*parking.play)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"(changed|failed|rescued)=[1-9]", done.stdout), done.stdout


def test_preparing_reaches_nothing_and_leaves_nothing_running(host, play, parking):
    """Its own code is run by then, in a folder that becomes root's."""
    with (parking.folder / "orchestration" / "definitions.py").open("a") as definitions:
        definitions.write(STRAY)
    deployed = play(*parking.play)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    host.check_output("rm %s/verify-began", STATE)
    assert host.run("pgrep --uid pl-%s --full --list-full 'sleep 86399'", NAME).stdout == ""


@pytest.fixture
def held(host, parking):
    """The copy, its ingest waiting for a sign. Whatever happens, it is given in the end."""
    folder = f"{STATE}/verify"
    host.check_output("rm --recursive --force %s && install -d -o pl-%s -g pl-%s %s", folder, NAME, NAME, folder)
    ingest = parking.folder / "orchestration" / "ingest.py"
    text = ingest.read_text()
    assert "    def ingest_feed():\n" in text
    ingest.write_text(text.replace("    def ingest_feed():\n", HOLD))
    yield parking
    host.check_output("test ! -e %s || touch %s/go", folder, folder)


def test_a_run_survives_deploys_and_a_rollback(host, play, module, on_host, held, tmp_path):
    """A broken release, then a good one, then back while more runs wait; and of all releases five stay."""
    for number in range(KEPT + 1):
        old = f"{HOME}/releases/old{number}"
        host.check_output("mkdir --parents %s && touch --date=2020-01-01 %s", old, old)
    deployed = play(*held.play)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    first = held.release()
    # The daemon lets one run of a pipeline go at a time: it may be its turn later.
    run = module("dagster_run", location=NAME, job=NAME, wait=False)["run_id"]
    assert on_host(WAIT_FOR_FILE, path=f"{STATE}/verify/begun") == f"{HOME}/releases/{first}"

    definitions = held.folder / "orchestration" / "definitions.py"
    good = definitions.read_text()
    definitions.write_text(good + "\nimport no_such_module\n")
    assert "does not load, the one before stays" in play(*held.play).stdout

    definitions.write_text(good + "\n# Another release.\n")
    before = host.check_output("systemctl show --value --property=InvocationID %s", UNIT)
    report = tmp_path / "report"
    for arguments in (["--check"], []):
        deployed = play(*held.play, *arguments, ROLE_BUDGET_REPORT=str(report))
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    predicted, real = ([json.loads(line)["roles"]["pipeline"]["changed"]] for line in report.read_text().splitlines())
    assert predicted == real
    assert host.check_output("systemctl show --value --property=InvocationID %s", UNIT) != before
    assert host.check_output("readlink %s/current", HOME) == f"releases/{held.release()}"

    # One run at a time: these wait for the first.
    waiting = [module("dagster_run", location=NAME, job=NAME, wait=False)["run_id"] for _ in range(2)]
    back = play("playbooks/pipeline_rollback.yml", "-e", f"pipeline={NAME}")
    assert back.returncode == 0, back.stdout + back.stderr
    assert host.check_output("readlink %s/current", HOME) == f"releases/{first}"

    assert host.run("test -e %s/verify/went-on", STATE).rc != 0
    host.check_output("touch %s/verify/go", STATE)
    assert [on_host(WAIT_FOR_RUN, run=under_way) for under_way in (run, *waiting)] == ["SUCCESS"] * 3
    assert host.check_output("cat %s/verify/went-on", STATE) == f"{HOME}/releases/{first}/orchestration/ingest.py"

    releases = host.check_output("ls %s/releases", HOME).split()
    assert len(releases) == KEPT
    assert {first, held.release()} <= set(releases)
    host.check_output("rm --recursive %s/verify", STATE)


def test_environments_that_no_release_needs_are_removed(host, play, parking):
    """With a deploy, when nobody asked for them for a day; what its releases run in stays."""
    used = host.check_output("readlink --canonicalize %s/current/.environment", HOME)
    assert host.check_output("systemctl show --value --property=ExecStart %s", UNIT).count(f"{used}/bin/python")
    # As old as one gets: only that it is needed keeps it.
    host.check_output("touch --date=2020-01-01 %s/.artifact", used)
    stale, handed_out = "/opt/pipeline-envs/verify-stale", "/opt/pipeline-envs/verify-handed-out"
    try:
        for folder, when in ((stale, "2020-01-01"), (handed_out, "now")):
            host.check_output("mkdir %s && touch --date=%s %s/.artifact", folder, when, folder)
        with (parking.folder / "orchestration" / "definitions.py").open("a") as definitions:
            definitions.write("\n# Another release.\n")
        deployed = play(*parking.play)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert [host.file(path).exists for path in (used, stale, handed_out)] == [True, False, True]
        assert host.check_output("readlink --canonicalize %s/current/.environment", HOME) == used
    finally:
        host.check_output("rm --recursive --force %s %s", stale, handed_out)
