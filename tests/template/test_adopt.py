# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A plain dbt project becomes a pipeline, or is refused in one line with nothing made."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "tests" / "template" / "jaffle_shop"


@pytest.fixture
def shop(tmp_path) -> Path:
    """A copy of the project, to be changed."""
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


@pytest.fixture
def into(tmp_path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def adopt(project: Path, into: Path, name: str = "jaffle", *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "scripts/adopt.py", *options, "--into", str(into), "--", str(project), name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def adopted(project: Path, into: Path) -> tuple[Path, list[str]]:
    """The pipeline, and what is left to do."""
    done = adopt(project, into)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in into.iterdir()] == ["jaffle"]
    return into / "jaffle", [line.removeprefix("  - ") for line in done.stdout.splitlines() if line.startswith("  - ")]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True).stdout


def test_the_projects_files_take_the_examples_place(into):
    made, left = adopted(SHOP, into)
    for folder in ("models", "seeds", "macros", "tests"):
        theirs = {path.relative_to(SHOP / folder): path.read_bytes() for path in (SHOP / folder).rglob("*") if path.is_file()}
        ours = made / "dbt" / folder
        assert {path.relative_to(ours): path.read_bytes() for path in ours.rglob("*") if path.is_file()} == theirs
    assert not [path for path in made.rglob("*") if "measurement" in path.name and "shared" not in path.parts]
    assert "measurements" not in "".join(
        path.read_text() for part in ("orchestration", "tests") for path in made.glob(f"{part}/*.py")
    )
    assert [line.partition(":")[0].partition("`")[0] for line in left[:-2]] == [
        "dbt/macros/in_whole.sql divides",
        "pipeline.yml has ",
        "pipeline.yml has ",
    ]
    assert not (made / "notebooks").exists()
    # What came on top of the template is there to be looked at.
    assert git(made, "log", "--format=%s") == "jaffle from the template\n"
    assert "?? dbt/models/orders.sql" in git(made, "status", "--porcelain")


def test_its_configuration_is_the_projects_in_the_platforms_schemas(into):
    made, _ = adopted(SHOP, into)
    project = yaml.safe_load((made / "dbt" / "dbt_project.yml").read_text())
    assert (project["name"], project["profile"], project["vars"]) == ("jaffle", "jaffle", {"cents": 100})
    models = project["models"]["jaffle"]
    assert (models["+schema"], models["staging"]["+schema"], models["+on_table_exists"]) == ("marts", "staging", "replace")
    # A view would be made anew by each of its readers.
    assert (models["materialized"], models["staging"]["materialized"]) == ("table", "table")
    manifest = yaml.safe_load((made / "pipeline.yml").read_text())
    assert manifest["retention_days"] == "forever"
    assert "settings" not in manifest


def test_what_is_left_to_do_is_said(shop, into):
    (shop / "models" / "sources.yml").write_text(
        "sources:\n  - name: shop\n    database: prod\n    schema: public\n    tables: [{name: returns}, {name: visits}]\n"
    )
    (shop / "models" / "visits.sql").write_text("{{ config(tags=['x'], schema='web') }} select 1 as visit_id")
    (shop / "snapshots").mkdir()
    with (shop / "dbt_project.yml").open("a") as project:
        project.write("snapshot-paths: [snapshots]\non-run-end: ['select 1']\n")
    made, left = adopted(shop, into)
    assert [line.partition(":")[0] for line in left[:-7]] == [
        "nothing loads the source shop.returns yet",
        "nothing loads the source shop.visits yet",
        "dbt/models/visits.sql says itself where its table lies, or that it is a view",
    ]
    assert [line.partition(",")[0] for line in left[-4:-2]] == [
        "dbt_project.yml had `snapshot-paths`",
        "dbt_project.yml had `on-run-end`",
    ]
    [source] = yaml.safe_load((made / "dbt/models/sources.yml").read_text())["sources"]
    assert source["schema"] == "{{ env_var('PIPELINE_NAME', 'jaffle') }}_raw"
    assert "database" not in source


def test_sql_that_divides_is_named(shop, into):
    """By whole numbers, the two engines give different numbers without an error."""
    quiet = "-- a / b\nselect 'a/b' as path, {{ 4 / 2 }} as n, /* 1 / 2 */ 1 as m from {{ ref('orders') }} {# 1/2 #}"
    (shop / "models" / "quiet.sql").write_text(quiet)
    (shop / "models" / "loud.sql").write_text("select amount / 100 as dollars from {{ ref('orders') }}")
    _, left = adopted(shop, into)
    assert [line.partition(" ")[0] for line in left if " divides" in line] == ["dbt/macros/in_whole.sql", "dbt/models/loud.sql"]


def test_without_a_name(into):
    done = adopt(SHOP, into, "")
    assert "a pipeline needs a name" in done.stderr
    assert not list(into.iterdir())


def test_a_project_from_before_dbt_1(shop, into):
    (shop / "seeds").rename(shop / "data")
    (shop / "models").rename(shop / "sql")
    text = (shop / "dbt_project.yml").read_text()
    (shop / "dbt_project.yml").write_text(
        text.replace("model-paths: [models]", "source-paths: [sql]").replace("seed-paths: [seeds]", "data-paths: [data]")
    )
    made, _ = adopted(shop, into)
    assert (made / "dbt/seeds/raw_orders.csv").is_file()
    assert (made / "dbt/models/staging/stg_orders.sql").is_file()


def no_project(shop: Path) -> None:
    (shop / "dbt_project.yml").unlink()


def no_yaml(shop: Path) -> None:
    (shop / "dbt_project.yml").write_text("name: [")


def no_name(shop: Path) -> None:
    (shop / "dbt_project.yml").write_text("version: 1")


def a_list(shop: Path) -> None:
    (shop / "dbt_project.yml").write_text("- name")


def packages(shop: Path) -> None:
    (shop / "packages.yml").write_text("packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n")


def dependencies(shop: Path) -> None:
    (shop / "dependencies.yml").write_text("packages:\n  - git: https://example.org/macros.git\n")


def a_link(shop: Path) -> None:
    (shop / "models" / "link.sql").symlink_to("/etc/hostname")


def outside(shop: Path) -> None:
    text = (shop / "dbt_project.yml").read_text()
    (shop / "dbt_project.yml").write_text(text.replace("seed-paths: [seeds]", "seed-paths: [../outside]"))
    (shop.parent / "outside").mkdir()
    (shop.parent / "outside" / "x.csv").write_text("a\n1\n")


def schemas_of_its_own(shop: Path) -> None:
    (shop / "macros" / "names.sql").write_text("{% macro generate_schema_name(custom, node) %}x{% endmacro %}")


def twice(shop: Path) -> None:
    text = (shop / "dbt_project.yml").read_text()
    (shop / "dbt_project.yml").write_text(text.replace("seed-paths: [seeds]", "seed-paths: [seeds, seeds]"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (no_project, "has no dbt_project.yml"),
        (no_yaml, "is not YAML"),
        (no_name, "has no name"),
        (a_list, "is not what dbt reads"),
        (packages, "it needs the packages dbt-labs/dbt_utils"),
        (dependencies, r"it needs the packages https://example\.org/macros\.git"),
        (a_link, r"link\.sql is a link"),
        (outside, "lies outside of the project"),
        (schemas_of_its_own, r"names\.sql names schemas itself"),
        (twice, "is there twice"),
    ],
)
def test_what_can_not_be_brought_in_is_one_line_and_leaves_nothing(shop, into, change, reason):
    change(shop)
    done = adopt(shop, into)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("Nothing was made: ")
    assert re.search(reason, line)
    assert not list(into.iterdir())


@pytest.mark.parametrize("name", ["select", "../x", "Jaffle", "--help"])
def test_a_bad_name(into, name):
    done = adopt(SHOP, into, name)
    assert done.returncode == 1
    assert "can't be a pipeline's name" in done.stderr
    assert not list(into.iterdir())


@pytest.mark.parametrize(("name", "options", "key"), [("{% raw %}x", (), "NAME"), ("jaffle", ("--title={{ 7 * 7 }}",), "TITLE")])
def test_an_answer_that_is_a_template(into, name, options, key):
    done = adopt(SHOP, into, name, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Nothing was made: {key} has {{{{, {{% or {{# in it: leave that out\n"
    assert not list(into.iterdir())


def test_a_name_that_is_taken(into):
    (into / "jaffle").mkdir()
    (into / "jaffle" / "mine").write_text("kept")
    done = adopt(SHOP, into)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert [path.name for path in into.rglob("*")] == ["jaffle", "mine"]


def test_no_project_at_all(tmp_path, into):
    assert "has no dbt_project.yml" in adopt(tmp_path / "nowhere", into).stderr
    assert "no folder" in adopt(SHOP, tmp_path / "nowhere").stderr
