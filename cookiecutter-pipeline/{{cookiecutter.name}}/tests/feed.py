"""The feed's records, made by hand, and how they get into the raw tables."""

import json
from datetime import datetime

from pipeline_shared.fetch import Fetched
from pipeline_shared.ingest import ingest
from pipeline_shared.testing import Workspace

FEED = "measurements"


def record(when: str, value: str = "1", **other: str) -> dict:
    """One record; ``when`` as the feed says it."""
    return {"station": "North", "measured_at": when, "value": value, **other}


def bring(workspace: Workspace, *fetches: tuple[str, bytes | list]) -> None:
    """Ingest (time of the fetch in UTC, body or records)."""
    with workspace.lake() as lake:
        for moment, content in fetches:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            ingest(workspace.settings, lake, FEED, Fetched("made by hand", body, datetime.fromisoformat(moment)))
