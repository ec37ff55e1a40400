# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What Dagster loads of every pipeline: its tables' maintenance, and the freshness that its dbt sources declare."""

# Without `annotations` from `__future__`: Dagster looks at the type of `context` itself, not at its text.
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    asset_check,
    multi_asset,
)

from pipeline_shared.fetch import now
from pipeline_shared.lake import Lake, connect
from pipeline_shared.maintenance import EVERY, maintain
from pipeline_shared.settings import Settings

SEVERITIES = {"error_after": AssetCheckSeverity.ERROR, "warn_after": AssetCheckSeverity.WARN}  # the worse one first


def freshness_of(pipeline: Settings) -> list[AssetChecksDefinition]:
    """A check for each table whose dbt source declares `freshness`: the run that fetches also sees that nothing new comes.

    It asks what ``dbt source freshness`` would, `filter` included, without starting dbt another time.
    """
    manifest = json.loads((pipeline.root / "dbt" / "target" / "manifest.json").read_text(encoding="utf-8"))
    sources = [source for source in manifest["sources"].values() if source["source_name"] in pipeline.manifest["schemas"]]
    return [_freshness(pipeline, source) for source in sources if _limits(source)]


def _limits(source: dict) -> dict[str, timedelta]:
    """What dbt's manifest has as warn_after and error_after, the worse one first."""
    declared = source.get("freshness") or {}
    limits = {name: declared.get(name) or {} for name in SEVERITIES}
    return {
        name: timedelta(**{f"{limit['period']}s": limit["count"]})
        for name, limit in limits.items()
        if limit.get("count") is not None
    }


def _freshness(pipeline: Settings, source: dict) -> AssetChecksDefinition:
    schema, name, limits = source["source_name"], source["name"], _limits(source)
    field, where = source["loaded_at_field"], source["freshness"].get("filter")

    @asset_check(
        name=f"{name}_freshness",
        asset=pipeline.asset_key(schema, name),
        description=f"The newest {field}{f' where {where}' if where else ''} is recent.",
    )
    def fresh() -> AssetCheckResult:
        with connect(pipeline) as lake:
            [(newest,)] = lake.query(f"select max({field}) from {lake.table(schema, name)} where {where or 'true'}")
        exceeded = [kind for kind, limit in limits.items() if newest is None or now() - newest > limit]
        return AssetCheckResult(
            passed=not exceeded,
            severity=SEVERITIES[exceeded[0]] if exceeded else AssetCheckSeverity.WARN,
            metadata={"newest": str(newest), "hours ago": None if newest is None else (now() - newest).total_seconds() / 3600}
            | {kind: str(limit) for kind, limit in limits.items()},
        )

    return fresh


def maintenance_of(pipeline: Settings, feed: str, after: Iterable[AssetKey]) -> list[AssetsDefinition]:
    """The asset that keeps the pipeline's tables small, if its manifest says for how long raw data is kept.

    It is a step of the pipeline's job, so that nobody else writes to the tables meanwhile, and comes last, so that no data waits
    for it. Once a week it does something; in a run that asks for this asset by name, at once.
    """
    if not isinstance(pipeline.manifest.get("retention_days"), int):  # `forever`
        return []
    key = AssetKey(pipeline.asset_key("maintenance"))

    @multi_asset(
        name="maintenance",
        pool=pipeline.name,
        specs=[
            AssetSpec(
                key,
                deps=list(after),
                skippable=True,
                description=f"Raw data older than {pipeline.manifest['retention_days']} days goes; all tables are tidied.",
            )
        ],
    )
    def maintenance(context: AssetExecutionContext) -> Iterator[MaterializeResult]:
        if pipeline.target != "prod":
            context.log.info("DuckDB needs no maintenance")
            return
        done = []
        with connect(pipeline) as lake:
            if not context.run.asset_selection and now() - _last(context, lake, key, feed) < EVERY:
                return
            for table in maintain(pipeline, lake, feed):
                context.log.info(str(table))
                done.append(table)
        removed = sum(table.rows_removed for table in done)
        yield MaterializeResult(asset_key=key, metadata={"old rows removed": removed, "tables": "\n".join(map(str, done))})

    return [maintenance]


def _last(context: AssetExecutionContext, lake: Lake, key: AssetKey, feed: str) -> datetime:
    """When the tables were last tidied, as Dagster keeps it; before the first time, when they began."""
    event = context.instance.get_latest_materialization_event(key)
    if event:
        return datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
    [(first,)] = lake.query(f"select min(fetched_at) from {lake.table('raw', f'{feed}_fetches')}")
    return first
