# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A freshly made pipeline on a machine with no service: its own tests, a run, what a release is checked for. It takes minutes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "pipelines" / "stavanger_parking"


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command in ``folder`` as a person would, with nothing of the platform in the environment."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "TRINO_", "S3_", "DBT_", "PYTHON"))
    }
    return subprocess.run(command, cwd=folder, env={**plain, **environment}, capture_output=True, text=True, check=False)


def prepare(folder: Path, python: Path, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """What the platform does with a release before it takes it; with ``--test`` all of it."""
    path = f"{folder}:{folder}/shared/utilities"
    return run(folder, str(python), "-m", "pipeline_shared.prepare", *options, PYTHONPATH=path, **environment)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A new pipeline, with its environment."""
    made = Path(
        cookiecutter(str(ROOT / "cookiecutter-pipeline"), no_input=True, output_dir=str(tmp_path_factory.mktemp("fresh")))
    )
    done = run(made, "make", ".venv/ready", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")  # uv is there
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def release(fresh, tmp_path) -> Path:
    """A copy of its code, as the platform takes it."""
    return Path(
        shutil.copytree(fresh, tmp_path / "release", ignore=shutil.ignore_patterns(".venv", ".git", "target", "dbt_packages"))
    )


def test_the_environment_without_uv(release):
    folders = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "uv").exists()]
    done = run(release, "make", ".venv/ready", PATH=":".join(folders))
    assert done.returncode == 0, done.stderr
    assert run(release, ".venv/bin/pip", "check").returncode == 0


def test_make_test(fresh):
    done = run(fresh, "make", "test")
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_make_dev_shows_rows(fresh):
    done = run(fresh, "make", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "daily_measurements: 4 rows" in done.stdout
    assert "South | 2026-01-05 | 2 | -1.000 | 4.250 | 1" in done.stdout
    # Neither the run nor the tests left anything that git would take.
    assert run(fresh, "git", "status", "--porcelain").stdout == ""


def test_the_examples_own_tests(fresh):
    done = run(EXAMPLE, str(fresh / ".venv/bin/python"), "-m", "pytest", "-p", "no:cacheprovider")
    print(done.stdout[-4000:])
    assert done.returncode == 0


def test_a_dbt_project_that_was_brought_in(fresh, tmp_path):
    """Its own tests pass, the platform's rules among them; once a mart says nothing of itself, one of them says so."""
    shop = str(ROOT / "tests" / "template" / "jaffle_shop")
    done = run(ROOT, sys.executable, "scripts/adopt.py", "--into", str(tmp_path), "--", shop, "jaffle")
    assert done.returncode == 0, done.stderr
    made = tmp_path / "jaffle"
    tests = [str(fresh / ".venv/bin/python"), "-m", "pytest", "-p", "no:cacheprovider"]
    done = run(made, *tests)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
    schema = made / "dbt/models/schema.yml"
    schema.write_text(
        re.sub(r"description: This table has basic information about orders.*", "description: ''", schema.read_text())
    )
    done = run(made, *tests, "tests/test_release.py")
    assert "1 failed" in done.stdout
    assert "mart orders: it has no description: give it one beside its columns" in done.stdout


ASSETS = """
from orchestration.definitions import defs

graph = defs.resolve_asset_graph()
print(*(key.to_user_string() for key in {*graph.get_all_asset_keys(), *(check.asset_key for check in graph.asset_check_keys)}))
"""


def assets(folder: Path, python: Path) -> set[str]:
    """The keys of all assets that a prepared pipeline knows."""
    done = run(folder, str(python), "-c", ASSETS, PYTHONPATH=f"{folder}:{folder}/shared/utilities")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_two_pipelines_have_no_asset_in_common(fresh, release, tmp_path):
    """All pipelines are in one Dagster. One may depend on what another publishes, and that is the asset that it is there."""
    template, python = str(ROOT / "cookiecutter-pipeline"), fresh / ".venv/bin/python"
    other = Path(cookiecutter(template, no_input=True, output_dir=str(tmp_path), extra_context={"name": "sales"}))
    for folder in release, other:
        assert prepare(folder, python).stderr == ""
    mine, theirs = assets(release, python), assets(other, python)
    assert {f"my_pipeline/{name}" for name in ("raw/measurements_fetches", "marts/daily_measurements", "maintenance")} <= mine
    assert not mine & theirs
    published = "sales/marts/daily_measurements"
    assert published in theirs
    (release / "dbt/models/marts/reader.sql").write_text("select station from {{ source('sales', 'daily_measurements') }}")
    table = {"name": "daily_measurements", "config": {"meta": {"dagster": {"asset_key": published.split("/")}}}}
    source = {"name": "sales", "schema": "sales_marts", "tables": [table]}
    (release / "dbt/models/marts/sources.yml").write_text(json.dumps({"sources": [source]}))
    assert prepare(release, python).stderr == ""
    assert assets(release, python) - mine == {published, "my_pipeline/marts/reader"}


@pytest.mark.parametrize("catalog", ["iceberg", "delta"])
def test_a_release_for_the_platform_needs_no_service(fresh, release, tmp_path, catalog):
    """Prepared for Trino with no Trino there."""
    done = prepare(
        release,
        fresh / ".venv/bin/python",
        "--test",
        PIPELINE_TARGET="prod",
        TRINO_CATALOG=catalog,
        TRINO_HOST="trino.invalid",
        PIPELINE_DATA_DIR=str(tmp_path / "state"),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    manifest = json.loads((release / "dbt/target/manifest.json").read_text())
    assert manifest["metadata"]["adapter_type"] == "trino"
    assert {node["database"] for node in manifest["nodes"].values()} == {catalog}


def test_a_run_writes_nothing_into_the_release(fresh, release, tmp_path):
    """A release is read-only on the platform."""

    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    python, state = fresh / ".venv/bin/python", str(tmp_path / "state")
    assert prepare(release, python, PIPELINE_DATA_DIR=state).returncode == 0
    before = files(release)
    code = (
        "import orchestration.definitions as d;"
        "assert d.defs.resolve_job_def(d.pipeline.name).execute_in_process(raise_on_error=False).success"
    )
    done = run(
        release,
        str(python),
        "-c",
        code,
        PYTHONPATH=f"{release}:{release}/shared/utilities",
        PYTHONDONTWRITEBYTECODE="1",
        PIPELINE_DATA_DIR=state,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unable to do partial parsing" not in done.stdout
    assert files(release) == before


BAD = {
    "syntax": ("orchestration/definitions.py", "def broken(:\n", "orchestration/definitions.py, line 1: invalid syntax"),
    "a module that is missing": (
        "orchestration/ingest.py",
        "import no_such_module\n",
        "orchestration/ingest.py, line 1: ModuleNotFoundError",
    ),
    "an error on import": ("orchestration/checks.py", "\n1 / 0\n", "orchestration/checks.py, line 2: ZeroDivisionError"),
    "an exit on import": ("orchestration/checks.py", "raise SystemExit(0)\n", "orchestration/checks.py, line 1: SystemExit"),
    "what Dagster can't load": (
        "orchestration/definitions.py",
        "from dagster import Definitions, asset\n\n@asset\ndef one(): ...\n\n@asset(key='one')\ndef two(): ...\n\n"
        "defs = Definitions([one, two])\n",
        "Dagster can't load orchestration.definitions: .*Duplicate asset key.*one",
    ),
    "an asset that could be another pipeline's": (
        "orchestration/definitions.py",
        "from dagster import Definitions, asset\n\n@asset(key=['raw', 'orders'])\ndef orders(): ...\n\n"
        "defs = Definitions([orders])\n",
        "it makes the assets raw/orders, .*let their keys begin with my_pipeline",
    ),
    "a model that could be another pipeline's": (
        "dbt/models/marts/bad.sql",
        "{{ config(meta={'dagster': {'asset_key': ['marts', 'orders']}}) }} select 1 as one",
        "it makes the assets marts/orders, .*let their keys begin with my_pipeline",
    ),
    "a check of another pipeline's asset": (
        "orchestration/definitions.py",
        "from dagster import Definitions, asset_check\n\n@asset_check(asset=['sales', 'marts', 'orders'])\ndef full(): ...\n\n"
        "defs = Definitions(asset_checks=[full])",
        "it has checks of the assets sales/marts/orders, which it does not make",
    ),
    "no defs": ("orchestration/definitions.py", "x = 1\n", "orchestration/definitions.py has no `defs`"),
    "a model that refers to nothing": (
        "dbt/models/marts/bad.sql",
        "select * from {{ ref('nowhere') }}",
        "dbt does not parse: .*bad.sql.*nowhere",
    ),
    "a model that is no Jinja": ("dbt/models/marts/bad.sql", "select {{ 1", "dbt does not parse: .*bad.sql"),
    "YAML that is none": ("dbt/models/marts/bad.yml", "models: [", "dbt does not parse: .*bad.yml"),
    "an unknown key in the manifest": ("pipeline.yml", None, "pipeline.yml: the manifest: .*'colour' was unexpected"),
    "a test of its own that fails": (
        "tests/test_release.py",
        "def test_sums():\n    assert 1 + 1 == 3, 'no sum'\n",
        "tests/test_release.py::test_sums: AssertionError: no sum",
    ),
    "tests of its own that can't be read": ("tests/test_release.py", "import no_such\n", "No module named 'no_such'"),
    "a cron that is none": ("pipeline.yml", None, "schedule"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_broken_release_is_refused_in_one_line(fresh, release, fault, tmp_path):
    name, text, message = BAD[fault]
    if fault == "an unknown key in the manifest":
        text = (release / name).read_text() + "colour: red\n"
    elif fault == "a cron that is none":
        text = (release / name).read_text().replace('"0 * * * *"', '"61 * * * *"')
    (release / name).write_text(text)
    done = prepare(release, fresh / ".venv/bin/python", "--test", PIPELINE_DATA_DIR=str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert re.search(message, line), line
