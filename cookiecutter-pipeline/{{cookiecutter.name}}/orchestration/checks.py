"""What dbt's tests don't say: how the newest fetch looks. These warn, the run goes on: the data is right, as far as it goes."""

from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, asset_check
from pipeline_shared.lake import connect
from pipeline_shared.settings import Settings


def checks_of(pipeline: Settings) -> list[AssetChecksDefinition]:
    """The pipeline's asset checks."""

    @asset_check(
        asset=pipeline.asset_key("staging", "stg_measurements_rejected"),
        description="All records of the newest content could be used.",
    )
    def nothing_rejected() -> AssetCheckResult:
        with connect(pipeline) as lake:
            rows = lake.query(
                f"select problem, count(*) from {lake.table('staging', 'stg_measurements_rejected')}"
                " where first_fetched_at ="
                f" (select max(fetched_at) from {lake.table('raw', 'measurements_fetches')} where is_new)"
                " group by problem order by problem"
            )
        return AssetCheckResult(
            passed=not rows, severity=AssetCheckSeverity.WARN, metadata={reason: count for reason, count in rows}
        )

    return [nothing_rejected]
