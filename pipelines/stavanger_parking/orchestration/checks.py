"""What dbt's tests don't say: how the newest fetch looks. These warn, the run goes on: the data is right, as far as it goes."""

from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, asset_check
from pipeline_shared.lake import connect
from pipeline_shared.settings import Settings


def checks_of(pipeline: Settings) -> list[AssetChecksDefinition]:
    """The pipeline's asset checks."""

    @asset_check(asset=pipeline.asset_key("marts", "data_freshness"), description="The feed's own time is recent.")
    def feed_is_live() -> AssetCheckResult:
        with connect(pipeline) as lake:
            [(is_frozen, age, feed_time)] = lake.query(
                f"select is_frozen, last_age_minutes, cast(feed_time_local as varchar)"
                f" from {lake.table('marts', 'data_freshness')} order by last_fetched_at desc limit 1"
            )
        return AssetCheckResult(
            passed=not is_frozen,
            severity=AssetCheckSeverity.WARN,
            metadata={"age in minutes": age, "feed's time in Oslo": feed_time},
        )

    @asset_check(
        asset=pipeline.asset_key("staging", "stg_parking_rejected"),
        description="All records of the newest publication could be used.",
    )
    def nothing_rejected() -> AssetCheckResult:
        with connect(pipeline) as lake:
            rows = lake.query(
                f"select problem, count(*) from {lake.table('staging', 'stg_parking_rejected')}"
                f" where first_fetched_at = (select max(first_fetched_at) from {lake.table('marts', 'data_freshness')})"
                " group by problem order by problem"
            )
        return AssetCheckResult(
            passed=not rows, severity=AssetCheckSeverity.WARN, metadata={reason: count for reason, count in rows}
        )

    return [feed_is_live, nothing_rejected]
