"""What has to hold before a release is taken into service. The platform runs these at each deploy: no service, no data."""

import json

import jsonschema
import pytest
import yaml
from conftest import ROOT
from dagster import AssetKey
from pipeline_shared import governance


def test_manifest_is_valid():
    manifest = yaml.safe_load((ROOT / "pipeline.yml").read_text())
    jsonschema.validate(manifest, json.loads((ROOT / "shared/schemas/pipeline.schema.json").read_text()))


def test_the_platforms_rules_hold():
    """A deploy is refused for each line in here."""
    manifest = yaml.safe_load((ROOT / "pipeline.yml").read_text())
    if broken := governance.release_faults(str(ROOT), manifest):
        pytest.fail("\n".join(broken), pytrace=False)


def test_job_and_schedule_have_the_names_that_the_platform_expects():
    from orchestration.definitions import defs, pipeline

    repository = defs.get_repository_def()
    [schedule] = repository.schedule_defs
    job = repository.get_job(pipeline.name)
    assert (schedule.name, schedule.job_name) == (f"{pipeline.name}_schedule", pipeline.name)
    assert schedule.cron_schedule == pipeline.manifest["schedule"]
    assert job.executor_def.name == "in_process"


def test_what_writes_tables_is_in_the_pool_of_one_run_at_a_time():
    from orchestration.definitions import defs, pipeline

    makers = [made for made in defs.get_repository_def().assets_defs_by_key.values() if made.is_executable]
    assert makers
    assert {made.op.pool for made in makers} == {pipeline.name}


def test_dbt_starts_without_detours(monkeypatch):
    """dagster-dbt asks `dbt --version` and imports every adapter before each command; a rename there would bring that back."""
    import subprocess

    from dagster_dbt import DbtCliResource
    from orchestration.definitions import defs

    dbt = defs.resources["dbt"]
    assert {"_cli_version", "_initialize_dbt_core_adapter"} <= set(dir(DbtCliResource))
    monkeypatch.setattr(subprocess, "check_output", None)
    assert dbt._cli_version.major == 1
    assert dbt._initialize_dbt_core_adapter([]) is None


def test_job_makes_every_asset():
    from orchestration.definitions import defs, pipeline

    repository = defs.get_repository_def()
    made = repository.get_job(pipeline.name).asset_layer.executable_asset_keys
    assert made == set(repository.assets_defs_by_key)
    assert AssetKey([pipeline.name, "raw", "measurements_fetches"]) in made


@pytest.mark.parametrize("folder", ["models", "seeds"])
def test_everything_has_a_description(folder):
    manifest = json.loads((ROOT / "dbt/target/manifest.json").read_text())
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    nodes = [node for node in nodes if node["original_file_path"].startswith(folder) and node["resource_type"] != "test"]
    assert nodes
    bare = [node["name"] for node in nodes if not node["description"]]
    bare += [f"{node['name']}.{name}" for node in nodes for name, column in node["columns"].items() if not column["description"]]
    assert not bare
