"""The feed's records, made by hand, and how they get into the raw tables."""

import json
from datetime import datetime

from pipeline_shared.fetch import Fetched
from pipeline_shared.ingest import ingest
from pipeline_shared.testing import Workspace

FEED = "parking"


def record(when: str, free: str = "100", **other: str) -> dict:
    """One record; ``when`` is date and time as the feed says them."""
    date, time = when.split(" ")
    place = {"Sted": "Valberget", "Latitude": "58.9721884", "Longitude": "5.7299647"}
    return {"Dato": date, "Klokkeslett": time, **place, "Antall_ledige_plasser": free, **other}


def bring(workspace: Workspace, *fetches: tuple[str, bytes | list]) -> None:
    """Ingest (time of the fetch in UTC, body or records)."""
    with workspace.lake() as lake:
        for moment, content in fetches:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            ingest(workspace.settings, lake, FEED, Fetched("made by hand", body, datetime.fromisoformat(moment)))
