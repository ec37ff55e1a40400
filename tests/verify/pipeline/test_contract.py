"""What a contract of dbt holds on Trino, and what only tests hold: dbt-trino enforces not_null and no other constraint."""

import json

PROJECT = {
    "dbt_project.yml": """
name: verify_contract
version: 0.1.0
config-version: 2
profile: verify
flags: {send_anonymous_usage_stats: false}
models: {+materialized: table}
""",
    "packages.yml": "packages: [{local: /srv/pipelines/stavanger_parking/current/shared/dbt}]",
    "profiles.yml": """
verify:
  target: prod
  outputs:
    prod:
      {type: trino, method: ldap, host: 127.0.0.1, port: 8443, http_scheme: https, cert: /etc/certificates/ca.pem, user: platform,
       password: "{{ env_var('DBT_ENV_SECRET_PASSWORD') }}", database: iceberg, schema: verify_contract}
""",
    # Breaks the key and the check of its contract.
    "models/loose.sql": "select id, amount from (values (1, 5), (1, -5)) as v (id, amount)",
    # Breaks not_null.
    "models/strict.sql": "select cast(null as integer) as id",
    # The tests are those that a pipeline from the template has.
    "models/models.yml": """
models:
  - name: loose
    config: {contract: {enforced: true}}
    columns:
      - name: id
        data_type: integer
        constraints: [{type: primary_key}, {type: unique}]
      - name: amount
        data_type: integer
        constraints: [{type: check, expression: amount > 0}]
        data_tests: [{platform.in_range: {name: positive, arguments: {min: 1}}}]
    data_tests: [{platform.unique_together: {name: one_per_id, arguments: {columns: [id]}}}]
  - name: strict
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: integer, constraints: [{type: not_null}]}]
""",
}
BUILD = """
import glob, json, os, pathlib, subprocess, tempfile
code = "from dbt.cli.main import dbtRunner; dbtRunner().invoke(['deps']); dbtRunner().invoke(['build'])"
with tempfile.TemporaryDirectory() as folder:
    for name, text in values["project"].items():
        path = pathlib.Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    python = glob.glob("/opt/pipeline-envs/*/bin/python")[0]
    known = os.environ | {"DBT_ENV_SECRET_PASSWORD": values["password"]}
    done = subprocess.run([python, "-c", code], cwd=folder, env=known, capture_output=True, text=True)
    results = pathlib.Path(folder, "target", "run_results.json")
    assert results.exists(), done.stdout + done.stderr
    found = {r["unique_id"].split(".")[2]: [r["status"], r["message"]] for r in json.loads(results.read_text())["results"]}
print(json.dumps(found))
"""


def test_tests_hold_what_a_contract_does_not(on_host, trino, trino_login):
    try:
        found = json.loads(on_host(BUILD, project=PROJECT, password=trino_login["password"]))
    finally:
        trino("DROP SCHEMA IF EXISTS iceberg.verify_contract CASCADE")
    assert found["strict"][0] == "error"
    assert "NULL value not allowed for NOT NULL column: id" in found["strict"][1]
    # Trino took rows that the contract forbids; the tests told.
    assert found["loose"][0] == "success"
    assert {name: found[name][0] for name in ("one_per_id", "positive")} == {"one_per_id": "fail", "positive": "fail"}
