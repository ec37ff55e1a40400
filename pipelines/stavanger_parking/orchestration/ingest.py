"""Stavanger's parking feed into the raw tables."""

import json

from dagster import AssetsDefinition, AssetSpec, MaterializeResult, multi_asset
from pipeline_shared.fetch import FetchError, fetch
from pipeline_shared.ingest import ingest
from pipeline_shared.lake import connect
from pipeline_shared.settings import Settings

FEED = "parking"
DATASET = "stavanger-parkering"


def resource_url(package: bytes) -> str:
    """The JSON resource's address in CKAN's answer to package_show. Raises FetchError."""
    try:
        answer = json.loads(package)
        addresses = [resource["url"] for resource in answer["result"]["resources"] if resource["format"].upper() == "JSON"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FetchError(f"CKAN's answer about {DATASET} is not the one known: {type(error).__name__}: {error}") from error
    if len(addresses) != 1:
        raise FetchError(f"CKAN lists {len(addresses)} JSON resources for {DATASET}, where one is expected: {addresses}")
    return addresses[0]


def ingest_of(pipeline: Settings) -> AssetsDefinition:
    """The asset that writes raw.parking_fetches and raw.parking_records."""

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
        package = fetch(f"{pipeline['FEED_URL'].rstrip('/')}/api/3/action/package_show?id={DATASET}", pipeline.root)
        fetched = fetch(resource_url(package.body), pipeline.root)
        with connect(pipeline) as lake:
            done = ingest(pipeline, lake, FEED, fetched)
        metadata = {"records": done.records, "new content": done.is_new, "content hash": fetched.content_hash}
        for table in "fetches", "records":
            yield MaterializeResult(asset_key=pipeline.asset_key("raw", f"{FEED}_{table}"), metadata=metadata)

    return ingest_feed
