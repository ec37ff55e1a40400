"""What Dagster loads: the feed's ingest, dbt's models and tests, the checks, maintenance, one job and its schedule."""

import shutil
from pathlib import Path

from dagster import AssetExecutionContext, AssetSelection, Definitions, ScheduleDefinition, define_asset_job, in_process_executor
from dagster_dbt import dbt_assets
from pipeline_shared import settings
from pipeline_shared.assets import freshness_of, maintenance_of
from pipeline_shared.dbt import Dbt, Translator, dbt_of

from orchestration.checks import checks_of
from orchestration.ingest import FEED, ingest_of

pipeline = settings.load(Path(__file__).resolve().parent.parent)


@dbt_assets(
    manifest=pipeline.root / "dbt" / "target" / "manifest.json", dagster_dbt_translator=Translator(pipeline), pool=pipeline.name
)
def dbt_models(context: AssetExecutionContext, dbt: Dbt):
    """Build and test all models. Unit tests are for whoever changes a model; here they would cost time in every run."""
    target = pipeline.data_dir / "temp" / "dbt" / context.run_id
    try:
        yield from dbt.cli(["build", "--exclude-resource-type", "unit_test"], context=context, target_path=target).stream()
    finally:
        shutil.rmtree(target, ignore_errors=True)


job = define_asset_job(pipeline.name, selection=AssetSelection.all())

defs = Definitions(
    assets=[ingest_of(pipeline), dbt_models, *maintenance_of(pipeline, FEED, after=dbt_models.keys)],
    asset_checks=[*freshness_of(pipeline), *checks_of(pipeline)],
    jobs=[job],
    schedules=[
        ScheduleDefinition(
            name=f"{pipeline.name}_schedule",
            job=job,
            cron_schedule=pipeline.manifest["schedule"],
            execution_timezone=pipeline.manifest.get("timezone", "UTC"),
        )
    ],
    resources={"dbt": dbt_of(pipeline)},
    # A process per step would import dbt each time.
    executor=in_process_executor,
)
