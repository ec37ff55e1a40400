# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_shared, as far as it needs no engine: settings, fetching, raw tables (on SQLite), maintenance."""

import json
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jsonschema
import pytest
import trino
import yaml

ROOT = Path(__file__).resolve().parents[3]
# What follows lies there, so it is imported only now.
sys.path.append(str(ROOT / "pipelines" / "shared" / "utilities"))

from pipeline_shared import lake, settings  # noqa: E402
from pipeline_shared.fetch import Fetched, FetchError, fetch  # noqa: E402
from pipeline_shared.ingest import FETCHES, RECORDS, forget, ingest  # noqa: E402
from pipeline_shared.maintenance import maintain  # noqa: E402

MANIFEST = 'name: sales\nschedule: "0 * * * *"\nformat: delta\nsettings: {FEED_URL: https://example.org, LIMIT: 5}\n'


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """The environment as on a laptop, and restored: settings.load fills in what is missing."""
    before = os.environ.copy()
    for name in ("PIPELINE_NAME", "PIPELINE_TARGET", "PIPELINE_DATA_DIR", "FEED_URL", "LIMIT"):
        os.environ.pop(name, None)
    for name in [name for name in os.environ if name.startswith(("TRINO_", "DBT_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def pipeline(tmp_path) -> Path:
    """A folder with a manifest."""
    (tmp_path / "pipeline.yml").write_text(MANIFEST)
    return tmp_path


def test_settings_of_a_laptop(pipeline):
    found = settings.load(pipeline)
    assert (found.name, found.target, found.catalog, found.data_dir) == ("sales", "dev", "delta", pipeline / "data")
    assert (found["FEED_URL"], found["LIMIT"]) == ("https://example.org", "5")
    assert found.duckdb_path == pipeline / "data" / "processed" / "sales.duckdb"
    assert sorted(path.name for path in found.data_dir.iterdir()) == ["processed", "raw", "staging", "temp"]
    # dbt reads the same from the environment.
    assert (os.environ["PIPELINE_NAME"], os.environ["PIPELINE_DATA_DIR"]) == ("sales", str(pipeline / "data"))


def test_no_two_pipelines_have_a_key_in_common(pipeline):
    """All assets of one key are one to Dagster. A test's own name counts, as everywhere."""
    assert settings.load(pipeline).asset_key("raw", "orders") == ["sales", "raw", "orders"]
    os.environ["PIPELINE_NAME"] = "stock"
    assert settings.load(pipeline).asset_key("raw", "orders") == ["stock", "raw", "orders"]


def test_the_environment_wins(pipeline, tmp_path):
    os.environ.update(
        PIPELINE_TARGET="prod",
        TRINO_HOST="trino.example.org",
        PIPELINE_DATA_DIR=str(tmp_path / "state"),
        TRINO_CATALOG="iceberg",
        FEED_URL="https://example.com",
    )
    found = settings.load(pipeline)
    assert (found.target, found.data_dir, found.catalog) == ("prod", tmp_path / "state", "iceberg")
    assert found["FEED_URL"] == "https://example.com"


def test_a_setting_that_nobody_gave(pipeline):
    with pytest.raises(settings.SettingsError, match="TOKEN is not set: give it under `settings`"):
        settings.load(pipeline)["TOKEN"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a: [", "not YAML"), ("- x", "at least have name"), ("name: x", "at least have name"), (None, "there is no")],
)
def test_a_bad_manifest(tmp_path, text, reason):
    if text is not None:
        (tmp_path / "pipeline.yml").write_text(text)
    with pytest.raises(settings.SettingsError, match=reason) as error:
        settings.load(tmp_path)
    assert "\n" not in str(error.value)


def test_an_unknown_target(pipeline):
    os.environ["PIPELINE_TARGET"] = "test"
    with pytest.raises(settings.SettingsError, match="PIPELINE_TARGET is test: it must be dev or prod"):
        settings.load(pipeline)


def test_prod_needs_trino(pipeline):
    os.environ["PIPELINE_TARGET"] = "prod"
    with pytest.raises(settings.SettingsError, match="needs TRINO_HOST"):
        settings.load(pipeline)


@pytest.fixture
def asked(pipeline, monkeypatch) -> Callable[..., dict]:
    """What the library is asked for where the platform gives a login, and more."""

    def connect(**more: str) -> dict:
        os.environ.update(PIPELINE_TARGET="prod", TRINO_HOST="trino.example.org", TRINO_PASSWORD="quite-secret", **more)
        given = {}
        monkeypatch.setattr(trino.dbapi, "connect", lambda **options: given.update(options) or sqlite3.connect(":memory:"))
        with lake.connect(settings.load(pipeline)):
            return given

    return connect


def test_trino_is_logged_in_to(asked):
    given = asked(TRINO_CA="/ca.pem")
    assert (given["http_scheme"], given["port"], given["verify"]) == ("https", 8443, "/ca.pem")
    assert (given["user"], given["auth"]) == ("sales", trino.auth.BasicAuthentication("sales", "quite-secret"))


@pytest.mark.parametrize("more", [{}, {"TRINO_CA": ""}])
def test_trinos_certificate_is_always_checked(asked, more):
    assert asked(**more)["verify"] is True


def test_dbt_takes_the_password_for_a_secret(pipeline):
    """By its name: it writes the values of these to no log."""
    settings.load(pipeline)
    assert "DBT_ENV_SECRET_TRINO_PASSWORD" not in os.environ
    os.environ["TRINO_PASSWORD"] = "quite-secret"
    settings.load(pipeline)
    assert os.environ["DBT_ENV_SECRET_TRINO_PASSWORD"] == "quite-secret"


PROFILES = ["pipelines/stavanger_parking", "cookiecutter-pipeline/{{cookiecutter.name}}"]


@pytest.mark.parametrize("folder", PROFILES)
def test_dbt_logs_in_and_checks_the_certificate(folder):
    text = re.sub(r"{%.*?%}", "", (ROOT / folder / "dbt" / "profiles.yml").read_text())
    text = re.sub(r"{{ cookiecutter.*?}}", "sales", text)
    [profile] = yaml.safe_load(text).values()
    given = profile["outputs"]["prod"]
    assert (given["method"], given["http_scheme"]) == ("ldap", "https")
    # Never empty, which would mean that any certificate will do.
    assert given["cert"] == "{{ env_var('TRINO_CA', '/etc/certificates/ca.pem') }}"
    assert given["password"] == "{{ env_var('DBT_ENV_SECRET_TRINO_PASSWORD', '') }}"


@pytest.fixture
def server():
    """Answers with the codes in ``codes``, one with each request; 0 hangs up in the middle."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked += 1
            code = self.server.codes.pop(0)
            self.send_response(code or 200)
            self.send_header("Last-Modified", "Tue, 06 Oct 2026 10:00:00 GMT")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"body" if code else b"bo")

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.codes = 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("codes", [[200], [503, 200], [429, 500, 502, 200], [0, 200]])
def test_tried_again_where_that_can_help(server, tmp_path, codes):
    server.codes = list(codes)
    found = fetch(f"http://127.0.0.1:{server.server_port}/x", tmp_path, pause=0.001)
    assert (found.body, found.last_modified) == (b"body", "Tue, 06 Oct 2026 10:00:00 GMT")
    assert found.content_hash == "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5"
    assert server.asked == len(codes)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([404], "answered HTTP 404"),
        ([403], "answered HTTP 403"),
        ([503] * 4, "did not answer in 4 attempts: HTTP 503"),
        ([0] * 4, "IncompleteRead"),
    ],
)
def test_one_error_that_says_what_came(server, tmp_path, codes, message):
    server.codes = list(codes)
    address = f"http://127.0.0.1:{server.server_port}/x"
    with pytest.raises(FetchError, match=message) as error:
        fetch(address, tmp_path, pause=0.001)
    assert address in str(error.value)
    assert server.asked == len(codes)


def test_nobody_listens(server, tmp_path):
    server.server_close()
    with pytest.raises(FetchError, match=r"did not answer in 4 attempts: .*refused"):
        fetch(f"http://127.0.0.1:{server.server_port}/x", tmp_path, pause=0.001)


def test_a_file_of_the_repository(tmp_path):
    (tmp_path / "feed.json").write_text("[]")
    assert fetch("feed.json", tmp_path).body == b"[]"
    with pytest.raises(FetchError, match=r"none\.json can't be read: No such file"):
        fetch("none.json", tmp_path)
    with pytest.raises(FetchError, match="neither http"):
        fetch("file:///etc/hostname", tmp_path)


class Recorder(lake.Lake):
    """Notes the statements."""

    def __init__(self):
        super().__init__("sales", None)
        self.said = []

    def query(self, statement, parameters=()):
        self.said.append((statement, list(parameters)))
        return []


def test_rows_are_appended_in_few_statements():
    recorder = Recorder()
    recorder.append("t", [(1, "a"), (2, "b")])
    assert recorder.said == [('insert into "sales_raw"."t" values (?, ?), (?, ?)', [1, "a", 2, "b"])]
    recorder.said.clear()
    recorder.append("t", [("x" * 300_000,), ("y" * 300_000,), ("z",)])
    assert [len(parameters) for _, parameters in recorder.said] == [1, 2]
    recorder.append("t", [])
    assert len(recorder.said) == 2


# -- a feed's records in the raw tables


SCHEMAS = ROOT / "pipelines" / "shared" / "schemas" / "records"
ONE, TWO, THREE = (datetime(2026, 1, 5, hour) for hour in (10, 11, 12))


@pytest.fixture
def tables():
    """Raw tables in SQLite, which says the same of the statements that are used here."""
    connection = sqlite3.connect(":memory:")
    connection.execute("attach ':memory:' as sales_raw")
    yield lake.Lake("sales", connection)
    connection.close()


@pytest.fixture
def bring(pipeline, tables):
    """Ingests one content, as it was fetched at a moment."""
    loaded = settings.load(pipeline)

    def run(content: object, at: datetime, **other):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        # Adapted here: how SQLite does it is deprecated.
        return ingest(loaded, tables, "feed", Fetched("https://example.org", body, str(at), **other))

    return run


def rows(tables, name: str) -> list[dict]:
    columns = list(FETCHES if name == "fetches" else RECORDS)
    return [dict(zip(columns, row, strict=True)) for row in tables.query(f'select * from "sales_raw"."feed_{name}"')]


def test_each_fetch_is_kept_and_each_content_once(tables, bring):
    assert (bring([{"a": "ø"}, 2], ONE).is_new, bring([{"a": "ø"}, 2], TWO).is_new, bring([3], THREE).is_new) == (
        True,
        False,
        True,
    )
    assert [(row["fetched_at"], row["is_new"], row["records"]) for row in rows(tables, "fetches")] == [
        (str(ONE), 1, 2),
        (str(TWO), 0, 2),
        (str(THREE), 1, 1),
    ]
    assert [(row["position"], row["record"]) for row in rows(tables, "records")] == [(0, '{"a":"ø"}'), (1, "2"), (0, "3")]


def test_a_run_that_died_between_records_and_fetch_brings_them_again(tables, bring):
    """The other way round they would be lost."""
    bring([1], ONE)
    tables.query('delete from "sales_raw"."feed_fetches"')
    assert bring([1], TWO).is_new
    assert len(rows(tables, "records")) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"", "is not JSON"),
        (b'{"records": []}', "is not a list of records"),
        (b"null", "is not a list of records"),
        (b"[]", "has no records"),
    ],
)
def test_a_body_that_is_no_list_of_records_is_set_aside(pipeline, tables, bring, body, reason):
    with pytest.raises(FetchError, match=reason) as error:
        ingest(settings.load(pipeline), tables, "feed", Fetched("https://example.org", body, ONE))
    kept = pipeline / "data" / "raw" / "rejected" / "feed-20260105T100000000000Z"
    assert kept.read_bytes() == body
    assert str(kept) in str(error.value)
    # Nothing of it is in the tables, and the next one is taken.
    assert bring([1], TWO).is_new


def test_content_that_is_still_shown_is_not_forgotten(tables, bring):
    bring([1], ONE)
    bring([2], TWO)
    bring([1], THREE)
    removed = forget(tables, "feed", str(THREE))
    assert removed == {"feed_fetches": 2, "feed_records": 1}
    assert [row["record"] for row in rows(tables, "records")] == ["1"]


@pytest.mark.parametrize(("name", "columns"), [("fetch", FETCHES), ("record", RECORDS)])
def test_the_schemas_of_raw_rows_have_the_tables_columns(name, columns):
    properties = json.loads((SCHEMAS / f"{name}.schema.json").read_text())["properties"]
    kinds = {"bigint": "integer", "boolean": "boolean", "varchar": "string", "timestamp(6)": "string"}
    assert list(properties) == list(columns)
    for column, kind in columns.items():
        assert kinds[kind] in properties[column]["type"], column


def test_the_schema_of_what_is_rejected_has_the_models_columns():
    properties = json.loads((SCHEMAS / "rejected.schema.json").read_text())["properties"]
    template = ROOT / "cookiecutter-pipeline" / "{{cookiecutter.name}}"
    for folder in (template, ROOT / "pipelines" / "stavanger_parking"):
        [sql] = folder.glob("dbt/models/staging/stg_*_rejected.sql")
        selected = re.search(r"select\s+(.*?)\s+from", sql.read_text(), re.DOTALL)[1]
        assert [column.strip() for column in selected.split(",")] == list(properties)
        models = yaml.safe_load((sql.parent / "staging.yml").read_text())["models"]
        [model] = [model for model in models if model["name"] == sql.stem]
        assert [column["name"] for column in model["columns"]] == list(properties)


def test_what_is_written_is_as_the_schemas_say(tables, bring):
    bring([{"a": 1}, "x", None], ONE, last_modified="Tue, 06 Oct 2026 10:00:00 GMT")
    bring([1.5], datetime(2026, 1, 5, 10, 0, 0, 123456))
    found = {"fetch": rows(tables, "fetches"), "record": rows(tables, "records")}
    assert {name: len(those) for name, those in found.items()} == {"fetch": 2, "record": 4}
    for name, those in found.items():
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        for row in those:
            # SQLite has no boolean.
            jsonschema.validate({key: bool(value) if key == "is_new" else value for key, value in row.items()}, schema)
            for wrong in ({**row, "more": 1}, {key: value for key, value in row.items() if key != "fetched_at"}):
                assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


class Tables(Recorder):
    """Says that there is one table in each of two schemas, and that ``old`` rows of raw are too old."""

    def __init__(self, old):
        super().__init__()
        self.old = old

    def query(self, statement, parameters=()):
        super().query(statement, parameters)
        if "information_schema" in statement:
            return [("feed_fetches" if parameters[0].endswith("raw") else "mart",)]
        return [(self.old if "fetched_at < ?" in statement else 1,)]


TIDY = {
    "iceberg": [
        'alter table "sales_{0}"."{1}" execute optimize',
        'alter table "sales_{0}"."{1}" execute expire_snapshots(retention_threshold => \'7d\')',
        'alter table "sales_{0}"."{1}" execute remove_orphan_files(retention_threshold => \'7d\')',
    ],
    "delta": ['alter table "sales_{0}"."{1}" execute optimize', "call system.vacuum('sales_{0}', '{1}', '7d')"],
}


@pytest.mark.parametrize("old", [0, 3])
@pytest.mark.parametrize("catalog", ["iceberg", "delta"])
def test_what_maintenance_does(tmp_path, catalog, old):
    manifest = {"retention_days": 30, "schemas": ["raw", "marts"]}
    pipeline = settings.Settings(tmp_path, "sales", manifest, "prod", tmp_path, catalog)
    tables = Tables(old)
    done = list(maintain(pipeline, tables, "feed"))
    changing = [statement for statement, _ in tables.said if not statement.startswith("select")]
    deleted = [statement for statement in changing if statement.startswith("delete")]
    assert [statement.split('"')[3] for statement in deleted] == (["feed_fetches", "feed_records"] if old else [])
    assert [s for s in changing if s not in deleted] == [
        statement.format(*place) for place in (("raw", "feed_fetches"), ("marts", "mart")) for statement in TIDY[catalog]
    ]
    [(_, before), *_] = [said for said in tables.said if "fetched_at < ?" in said[0]]
    assert abs(datetime.now(UTC).replace(tzinfo=None) - timedelta(days=30) - before[0]) < timedelta(minutes=1)
    assert str(done[0]) == f"raw.feed_fetches: {old} old rows removed, data files 1 -> 1, versions 1 -> 1"
    assert done[1].rows_removed == 0
