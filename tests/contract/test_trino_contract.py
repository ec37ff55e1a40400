# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The Trino modules against a real Trino, on the stand-in VPS that STANDIN names.

Each step runs a module there through Ansible, as a playbook does, and then asks the server itself: through a tunnel, by its plain
client protocol, not by the code under test. Only catalogs, schemas and users whose names begin with ``contract_`` are touched.
With FDP_RECORD=1 the answers that the unit tests replay are recorded anew.
"""

import functools
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from ansible_collections.foss_data.platform.tests.deployed import CA, until

ROOT = Path(__file__).resolve().parents[2]
STANDIN = os.environ.get("STANDIN")
ADMIN = os.environ.get("FDP_TRINO_USER", "platform")
PORT = int(os.environ.get("FDP_TRINO_PORT", "8443"))
SECRETS = ROOT / "inventories/sandbox/group_vars/all/secrets.sops.yaml"
MAPPING = "/etc/trino/s3-mapping.json"
STORE, RULES, BUCKET = "/var/lib/trino/catalog", "/etc/trino/rules.json", os.environ.get("FDP_BUCKET", "lakehouse")
ANSWERS = ROOT / "tests/unit/plugins/fixtures/trino_answers.json"

pytestmark = pytest.mark.skipif(not STANDIN, reason="STANDIN names no stand-in VPS with a Trino on it (make sandbox builds one)")


# -- the host, the server and the modules


def on_host(command: str, text: str = "") -> str:
    """What a command on the host says."""
    ssh = ["ssh", "-F", str(ROOT / ".sandbox" / STANDIN / "ssh_config"), STANDIN, command]
    done = subprocess.run(ssh, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def secret(name: str) -> str:
    """One of the inventory's credentials."""
    return subprocess.check_output(["sops", "decrypt", "--extract", f'["{name}"]', str(SECRETS)], text=True)


def password() -> str:
    """The administrator's."""
    return secret("secret_trino_admin")


class Server:
    """Trino, asked by its client protocol. The administrator logs in, and asks in the names of others."""

    def __init__(self, address: str, authority: Path):
        self.address, self.session = address, requests.Session()
        self.session.verify, self.session.auth = str(authority), (ADMIN, password())
        # Else REQUESTS_CA_BUNDLE takes the authority's place, where it is set.
        self.session.trust_env = False

    def pages(self, query: str, user: str = ADMIN) -> list[dict]:
        """All the pages of an answer."""
        headers = {"X-Trino-User": user, "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME"}
        found = [self.session.post(f"{self.address}/v1/statement", data=query.encode(), headers=headers, timeout=30).json()]
        while "nextUri" in found[-1]:
            path = found[-1]["nextUri"].split("/v1/", 1)[1]
            found.append(self.session.get(f"{self.address}/v1/{path}", headers=headers, timeout=30).json())
        return found

    def rows(self, query: str, user: str = ADMIN) -> list[list]:
        """The rows of an answer that is no error."""
        pages = self.pages(query, user)
        assert "error" not in pages[-1], pages[-1]["error"]["message"]
        return [row for page in pages for row in page.get("data", ())]

    def refusal(self, query: str, user: str = ADMIN) -> str:
        """Trino's name of an error; empty if there is none."""
        return self.pages(query, user)[-1].get("error", {}).get("errorName", "")

    def catalogs(self) -> list[str]:
        return sorted(row[0] for row in self.rows("SHOW CATALOGS LIKE 'contract%'"))

    def schemas(self, user: str = ADMIN) -> list[str]:
        return sorted(row[0] for row in self.rows("SHOW SCHEMAS FROM iceberg LIKE 'contract%'", user))

    def said(self, text: str) -> int:
        """How many of its statements had this in them."""
        # The statement itself doesn't count: it spells the text in two.
        query = f"SELECT count(*) FROM system.runtime.queries WHERE strpos(query, '{text[:3]}' || '{text[3:]}') > 0"
        return self.rows(query)[0][0]


@pytest.fixture(scope="module")
def server(tunnel, tmp_path_factory) -> Server:
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_text(on_host(f"cat {CA}"))
    return Server(f"https://127.0.0.1:{tunnel(PORT)}", authority)


def run(module: str, check: bool = False, **options) -> dict:
    """The result of a module on the host; ``diff`` is what --diff shows, ``warned`` the warnings on the screen, or False."""
    command = [Path(sys.executable).parent / "ansible", "sandbox", "-i", "inventories/sandbox", "-v", "--diff"]
    given = {"user": ADMIN, "password": password(), "ca_path": CA, **options}
    command += ["-m", f"foss_data.platform.{module}", "-a", json.dumps(given)]
    command += ["-e", "ansible_python_interpreter={{ platform_python }}", *(["--check"] if check else [])]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    found = re.search(r"^sandbox \| .* => (?=\{)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    result, _ = json.JSONDecoder().raw_decode(done.stdout, found.end())
    diff = re.sub(r"^Using .*\n", "", done.stdout[: found.start()])
    return {**result, "diff": diff, "failed": done.returncode != 0, "warned": "[WARNING]" in done.stderr and done.stderr}


def catalog(check: bool = False, **options) -> dict:
    return run("trino_catalog", check, **{"name": "contract_a", "store_dir": STORE, **options})


def schema(check: bool = False, **options) -> dict:
    return run("trino_schema", check, **{"catalog": "iceberg", "name": "contract_s", "rules_file": RULES, **options})


def stored(name: str = "contract_a") -> list[str]:
    """The lines of a catalog's file, without the date; none if there is no file."""
    text = on_host(f"cat {STORE}/{name}.properties 2>/dev/null || true")
    return sorted(line for line in text.splitlines() if not line.startswith("#"))


def rules() -> dict:
    """Those of the access rules that these tests caused."""
    return {k: [r for r in v if "contract_" in json.dumps(r)] for k, v in json.loads(on_host(f"cat {RULES}")).items()}


@pytest.fixture(scope="module", autouse=True)
def mapped():
    """Trino works for the users of these tests with the object store's own key."""
    mappings = json.loads(on_host(f"cat {MAPPING}"))["mappings"]
    own = {"user": "contract_.*", "accessKey": "platform-root", "secretKey": secret("secret_minio_root")}
    try:
        # In place, so that owner and mode stay.
        on_host(f"cat > {MAPPING}", json.dumps({"mappings": [*mappings, own]}))
        yield
    finally:
        on_host(f"cat > {MAPPING}", json.dumps({"mappings": mappings}, indent=2) + "\n")


@pytest.fixture
def clean(server):
    """Nothing of these tests there, neither before nor after."""

    def sweep():
        for name in on_host(f"cd {STORE} && ls contract_*.properties 2>/dev/null | sed 's/.properties//' || true").split():
            server.rows(f'DROP CATALOG IF EXISTS "{name}"')
        for name in server.schemas():
            server.rows(f'DROP SCHEMA iceberg."{name}" CASCADE')
        if any(rules().values()):
            document = json.loads(on_host(f"cat {RULES}"))
            left = {k: [r for r in v if "contract_" not in json.dumps(r)] for k, v in document.items()}
            # In place, so that owner and mode stay.
            on_host(f"cat > {RULES}", json.dumps(left, indent=2) + "\n")

    sweep()
    yield
    sweep()


# -- catalogs

TPCH = {"connector": "tpch", "properties": {"tpch.splits-per-node": 2}}


def test_a_catalog_from_its_creation_to_its_end(server, clean):
    predicted = catalog(check=True, **TPCH)
    assert (predicted["changed"], server.catalogs()) == (True, [])
    real = catalog(**TPCH)
    assert real == predicted
    assert "+tpch.splits-per-node=2" in real["diff"]
    assert (server.catalogs(), stored()) == (["contract_a"], ["connector.name=tpch", "tpch.splits-per-node=2"])
    assert server.rows("SELECT count(*) FROM contract_a.tiny.nation") == [[25]]

    drops = server.said('DROP CATALOG IF EXISTS "contract_a"')
    file = on_host(f"stat -c '%i %Y' {STORE}/contract_a.properties")
    for check in (True, False):
        again = catalog(check, **TPCH)
        assert (again["changed"], again["statements"], again["diff"].strip()) == (False, [], "")
    # Never dropped and made anew where nothing changed.
    assert server.said('DROP CATALOG IF EXISTS "contract_a"') == drops
    assert on_host(f"stat -c '%i %Y' {STORE}/contract_a.properties") == file

    other = {"connector": "tpch", "properties": {"tpch.splits-per-node": 3}}
    predicted = catalog(check=True, **other)
    assert stored()[-1] == "tpch.splits-per-node=2"
    real = catalog(**other)
    assert real == predicted
    assert "-tpch.splits-per-node=2\n+tpch.splits-per-node=3" in real["diff"]
    assert stored()[-1] == "tpch.splits-per-node=3"
    assert catalog(**other)["changed"] is False

    predicted = catalog(check=True, state="absent")
    assert (predicted["changed"], server.catalogs()) == (True, ["contract_a"])
    assert catalog(state="absent") == predicted
    assert (server.catalogs(), stored()) == ([], [])
    assert catalog(state="absent")["changed"] is False


def test_a_catalog_that_trino_refuses_and_one_that_does_not_work(server, clean):
    bad = catalog(connector="tpch", properties={"tpch.splits": 2})
    assert "Configuration property 'tpch.splits' was not used" in bad["msg"]
    assert bad["msg"].endswith("Nothing was left behind.")
    unset = catalog(connector="tpch", properties={"tpch.splits-per-node": "${ENV:CONTRACT_UNSET}"})
    assert "Environment variable is not set: CONTRACT_UNSET. Nothing was left behind." in unset["msg"]
    nobody = {"connection-url": "jdbc:postgresql://127.0.0.1:1/x", "connection-user": "x"}
    mute = catalog(connector="postgresql", properties=nobody)
    assert "Connection to 127.0.0.1:1 refused" in mute["msg"]
    assert (server.catalogs(), stored()) == ([], [])

    assert catalog(**TPCH)["changed"] is True
    for fault in ({"connector": "tpch", "properties": {"x": 1}}, {"connector": "postgresql", "properties": nobody}):
        assert catalog(**fault)["msg"].endswith("The catalog is as it was before.")
        assert stored() == ["connector.name=tpch", "tpch.splits-per-node=2"]
        assert server.rows("SELECT count(*) FROM contract_a.tiny.nation") == [[25]]
    assert catalog(**TPCH)["changed"] is False


def test_a_catalog_whose_creation_was_interrupted(server, clean):
    half = f"su trino -s /bin/sh -c 'cat > {STORE}/contract_a.properties'"
    on_host(half, "connector.name=tpch\ntpch.splits-per-node=2\n")
    assert server.catalogs() == []
    predicted = catalog(check=True, **TPCH)
    real = catalog(**TPCH)
    assert real == predicted
    assert "-# Trino could not load it" in real["diff"]
    assert server.rows("SELECT count(*) FROM contract_a.tiny.nation") == [[25]]
    assert catalog(**TPCH)["changed"] is False

    server.rows("DROP CATALOG contract_a")
    on_host(half, "connector.name=tpch\n")
    assert catalog(state="absent")["changed"] is True
    assert stored() == []


def test_a_secret_stands_nowhere(server, clean):
    literal = catalog(connector="postgresql", properties={"connection-url": "jdbc:x", "connection-password": "hunter22"})
    assert "connection-password would be readable in Trino's log: give ${ENV:NAME}" in literal["msg"]
    assert "hunter22" not in json.dumps(literal)
    assert server.said("hunter22") == 0

    properties = {
        "connection-url": "jdbc:postgresql://127.0.0.1:5432/warehouse",
        "connection-user": "${ENV:POSTGRESQL_USER}",
        "connection-password": "${ENV:POSTGRESQL_PASSWORD}",
    }
    assert catalog(connector="postgresql", properties=properties)["changed"] is True
    assert "connection-password=${ENV\\:POSTGRESQL_PASSWORD}" in stored()
    assert catalog(connector="postgresql", properties=properties)["changed"] is False
    # Trino resolved it (its schemas came), and tells it to nobody.
    counted = on_host(
        'value=$(sed -n \'s/^POSTGRESQL_PASSWORD=//p\' /etc/trino/trino.env | tr -d "\\"\'"); test -n "$value"; '
        'journalctl -u trino -o cat | grep -cF -- "$value" || true'
    )
    assert counted.strip() == "0"


def test_a_leaking_catalog_is_told(server, clean):
    properties = {"hive.metastore.uri": "thrift://127.0.0.1:9083", "fs.native-s3.enabled": True, "s3.region": "x"}
    real = catalog(connector="delta_lake", properties=properties)
    if "HIVE_METASTORE_ERROR" in real.get("msg", ""):
        pytest.skip("no Hive Metastore on this stand-in")
    assert real["changed"] is True
    assert catalog(connector="delta_lake", properties=properties)["changed"] is False
    assert "until it is restarted" in catalog(state="absent")["warned"].replace("\n", " ")


def test_catalogs_of_others_and_bad_input(server, clean):
    for options in ({"state": "absent"}, TPCH):
        assert "it comes from elsewhere" in catalog(name="system", **options)["msg"]
    assert "on its host" in catalog(store_dir="/nonexistent", **TPCH)["msg"]
    assert "small letters" in catalog(name="Contract", **TPCH)["msg"]
    assert "No factory for connector 'contract_nope'" in catalog(connector="contract_nope")["msg"]
    assert server.catalogs() == []


# -- schemas

LOCATION = f"s3://{BUCKET}/contract_s/"
WHOLE = {
    "location": LOCATION,
    "owner": "contract_owner",
    "grants": [{"user": "contract_reader"}, {"group": "contract_group", "privileges": ["SELECT", "INSERT"]}],
}


def test_a_schema_from_its_creation_to_its_end(server, clean):
    mode = on_host(f"stat -c '%U %G %a' {RULES}")
    predicted = schema(check=True, **WHOLE)
    assert (predicted["changed"], server.schemas(), any(rules().values())) == (True, [], False)
    real = schema(**WHOLE)
    assert real == predicted
    assert '+schema: {"location"' in real["diff"]
    # The moment it says done, the owner has it, and the stranger not.
    assert (server.schemas("contract_owner"), server.schemas("contract_reader")) == (["contract_s"], ["contract_s"])
    assert server.refusal("SHOW SCHEMAS FROM iceberg", "contract_stranger") == "PERMISSION_DENIED"
    assert LOCATION.rstrip("/") in server.rows("SHOW CREATE SCHEMA iceberg.contract_s")[0][0]
    assert on_host(f"stat -c '%U %G %a' {RULES}") == mode

    server.rows("CREATE TABLE iceberg.contract_s.t AS SELECT 1 AS a", "contract_owner")
    assert server.rows("SELECT a FROM iceberg.contract_s.t", "contract_reader") == [[1]]
    assert server.refusal("INSERT INTO iceberg.contract_s.t VALUES 2", "contract_reader") == "PERMISSION_DENIED"
    for check in (True, False):
        again = schema(check, **WHOLE)
        assert (again["changed"], again["statements"], again["diff"].strip()) == (False, [], "")
    assert schema()["changed"] is False

    writer = {**WHOLE, "grants": [{"user": "contract_reader", "privileges": ["SELECT", "INSERT"]}]}
    predicted = schema(check=True, **writer)
    assert schema(**writer) == predicted
    assert schema(**writer)["changed"] is False
    assert {"user": "contract_reader", "catalog": "iceberg", "allow": "all"} in rules()["catalogs"]

    heir = {**writer, "owner": "contract_heir"}
    assert schema(**heir)["changed"] is True
    assert server.refusal("SELECT a FROM iceberg.contract_s.t", "contract_owner") == "PERMISSION_DENIED"
    assert server.rows("SELECT a FROM iceberg.contract_s.t", "contract_heir") == [[1]]

    assert "can't be moved to s3://elsewhere/x" in schema(**{**heir, "location": "s3://elsewhere/x"})["msg"]
    for check in (True, False):
        assert "holds 1 table(s) (t) and stays" in schema(check, state="absent")["msg"]
    assert server.rows("SELECT a FROM iceberg.contract_s.t", "contract_heir") == [[1]]

    predicted = schema(check=True, state="absent", cascade=True)
    assert server.schemas() == ["contract_s"]
    real = schema(state="absent", cascade=True)
    assert real == predicted
    assert '"tables": ["t"]' in real["diff"]
    assert (server.schemas(), any(rules().values())) == ([], False)
    assert schema(state="absent", cascade=True)["changed"] is False


def test_a_schema_of_delta(server, clean):
    options = {"catalog": "delta", "location": f"s3://{BUCKET}/contract_s/", "owner": "contract_owner"}
    real = schema(**options)
    if "CATALOG_NOT_FOUND" in real.get("msg", ""):
        pytest.skip("no Delta Lake on this stand-in")
    try:
        assert real["changed"] is True
        assert schema(**options)["changed"] is False
        server.rows("CREATE TABLE delta.contract_s.t AS SELECT 1 AS a", "contract_owner")
    finally:
        assert schema(catalog="delta", state="absent", cascade=True)["changed"] is True
    assert server.rows("SHOW SCHEMAS FROM delta LIKE 'contract%'") == []


def test_two_plays_at_once_both_land(server, clean):
    names = ["contract_one", "contract_two"]
    with ThreadPoolExecutor(len(names)) as pool:
        plays = [pool.submit(schema, name=n, location=f"s3://{BUCKET}/{n}/", owner=n) for n in names]
    assert [play.result()["changed"] for play in plays] == [True, True]
    for name in names:
        assert server.schemas(name) == [name]
    assert sorted(r["schema"] for r in rules()["schemas"] if "contract_" in r.get("schema", "")) == names


def test_schemas_that_can_not_be(server, clean):
    assert "leave `location` out" in run("trino_schema", catalog="tpch", name="contract_s", location="s3://x/")["msg"]
    assert "does not support creating schemas" in run("trino_schema", catalog="tpch", name="contract_s")["msg"]
    assert "CATALOG_NOT_FOUND" in schema(catalog="contract_nope", owner="contract_owner")["msg"]
    assert "give the coordinator's security.config-file" in schema(rules_file="/nonexistent.json", owner="x")["msg"]
    assert (server.schemas(), any(rules().values())) == ([], False)


def test_a_schema_without_a_rules_file(server, clean):
    options = {"catalog": "iceberg", "name": "contract_s"}
    assert run("trino_schema", **options)["changed"] is True
    assert run("trino_schema", **options)["changed"] is False
    assert (server.schemas(), any(rules().values())) == (["contract_s"], False)
    assert run("trino_schema", state="absent", **options)["changed"] is True
    assert server.schemas() == []


# -- queries


def test_queries(server, clean):
    found = run("trino_query", query="SELECT ? AS n, ? AS t, DECIMAL '1.50' AS d", parameters=[1, "'; DROP"], read_only=True)
    assert found["rows"] == [{"n": 1, "t": "'; DROP", "d": "1.50"}]
    assert [c["type"] for c in found["columns"]] == ["integer", "varchar(7)", "decimal(3, 2)"]
    nation = {"query": "SELECT count(*) FROM nation", "catalog": "tpch", "schema": "tiny"}
    assert run("trino_query", check=True, **nation)["rows"] == [{"_col0": 25}]

    create = {"query": "CREATE SCHEMA iceberg.contract_s"}
    assert "does not only read" in run("trino_query", read_only=True, **create)["msg"]
    assert run("trino_query", check=True, **create)["changed"] is True
    assert server.schemas() == []
    assert run("trino_query", **create)["changed"] is True
    assert server.schemas() == ["contract_s"]

    session = {"catalog": "iceberg", "schema": "contract_s"}
    made = run("trino_query", query="CREATE TABLE t AS SELECT * FROM (VALUES 1, 2) AS v(a)", **session)
    assert (made["changed"], made["update_count"]) == (True, 2)
    some = run("trino_query", query="DELETE FROM t WHERE a = ?", parameters=[2], **session)
    assert (some["changed"], some["update_count"]) == (True, 1)
    none = run("trino_query", query="DELETE FROM t WHERE a = ?", parameters=[2], **session)
    assert (none["changed"], none["update_count"]) == (False, 0)
    assert server.rows("SELECT a FROM iceberg.contract_s.t") == [[1]]


def test_a_query_that_takes_too_long_is_cancelled(server):
    text = "SELECT count(*) FROM tpch.sf1000.lineitem a, tpch.sf1000.lineitem b WHERE a.comment > b.comment"
    found = run("trino_query", query=text, timeout=2)
    assert "took more than 2 s and was cancelled" in found["msg"]
    state = f"SELECT state, error_code FROM system.runtime.queries WHERE query_id = '{found['query_id']}'"
    until(lambda: server.rows(state)[0][0] == "FAILED", 10)
    assert server.rows(state) == [["FAILED", "USER_CANCELED"]]


# -- information


def test_what_there_is(server, clean):
    on_host(f"test -d {shlex.quote(STORE)}")
    server.rows(
        "CREATE CATALOG contract_mute USING postgresql WITH (\"connection-url\" = 'jdbc:postgresql://127.0.0.1:1/x', "
        "\"connection-user\" = 'x')"
    )
    for check in (True, False):
        found = run("trino_info", check)
        assert (found["changed"], found["version"]) == (
            False,
            server.session.get(f"{server.address}/v1/info", timeout=5).json()["nodeVersion"]["version"],
        )
        assert found["nodes"][0]["coordinator"] is True
        catalogs = {c["name"]: c for c in found["catalogs"]}
        assert "tiny" in catalogs["tpch"]["schemas"]
        assert (catalogs["contract_mute"]["schemas"], catalogs["contract_mute"]["connector"]) == ([], "postgresql")
        assert "Connection to 127.0.0.1:1 refused" in catalogs["contract_mute"]["error"]


# -- what the unit tests stand on

# Of these only the form is the same everywhere.
OF_THE_SITE = ("FROM system.runtime.nodes", "FROM system.metadata.catalogs ORDER", "SHOW SCHEMAS FROM")


def kept(page: dict) -> dict:
    """What the unit tests need of a page."""
    error = {k: v for k, v in page.get("error", {}).items() if k in ("message", "errorCode", "errorName", "errorType")}
    stats = {k: page["stats"][k] for k in ("state", "elapsedTimeMillis", "queued", "scheduled")}
    found = {k: page[k] for k in ("id", "columns", "data", "updateType", "updateCount") if k in page}
    return {**found, **({"error": error} if error else {}), "stats": stats}


def essence(pages: list[dict], site: bool) -> list:
    """What does not differ from one run to the next."""
    columns = next((p["columns"] for p in pages if p.get("columns")), None)
    error = {k: v for k, v in pages[-1].get("error", {}).items() if k in ("message", "errorName", "errorType")}
    return [columns, error, None if site else [row for p in pages for row in p.get("data", ())], pages[-1]["stats"]["state"]]


def test_the_answers_that_unit_tests_replay_are_still_those(server, clean):
    recorded = json.loads(ANSWERS.read_text(encoding="utf-8"))
    answers = {query: server.pages(query) for query in recorded}
    if os.environ.get("FDP_RECORD"):
        # Of the pages without anything, the first is enough.
        recorded = {
            query: [kept(p) for i, p in enumerate(pages) if i in (0, len(pages) - 1) or p.get("data") or p.get("error")]
            for query, pages in answers.items()
        }
        ANSWERS.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for query, pages in answers.items():
        site = any(part in query for part in OF_THE_SITE)
        assert essence(pages, site) == essence(recorded[query], site), query
