"""The feed into the raw tables."""

from dagster import AssetsDefinition, AssetSpec, MaterializeResult, multi_asset
from pipeline_shared.fetch import fetch
from pipeline_shared.ingest import ingest
from pipeline_shared.lake import connect
from pipeline_shared.settings import Settings

FEED = "measurements"


def ingest_of(pipeline: Settings) -> AssetsDefinition:
    """The asset that writes raw.measurements_fetches and raw.measurements_records."""

    @multi_asset(
        name="ingest",
        # Dagster lets one run at a time into a pool, so each table has one writer.
        pool=pipeline.name,
        specs=[
            AssetSpec(pipeline.asset_key("raw", f"{FEED}_fetches"), description="Every fetch of the feed.", kinds={"python"}),
            AssetSpec(
                pipeline.asset_key("raw", f"{FEED}_records"), description="Every distinct content's records.", kinds={"python"}
            ),
        ],
    )
    def ingest_feed():
        fetched = fetch(pipeline["FEED_URL"], pipeline.root)
        with connect(pipeline) as lake:
            done = ingest(pipeline, lake, FEED, fetched)
        metadata = {"records": done.records, "new content": done.is_new, "content hash": fetched.content_hash}
        for table in "fetches", "records":
            yield MaterializeResult(asset_key=pipeline.asset_key("raw", f"{FEED}_{table}"), metadata=metadata)

    return ingest_feed
