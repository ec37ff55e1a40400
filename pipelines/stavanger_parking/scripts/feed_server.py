#!/usr/bin/env python3
"""A stand-in for the city's CKAN and its file server, for work and tests without them.

    scripts/feed_server.py --replay DIR                  recordings, the next one with each fetch; then the last one again
    scripts/feed_server.py --replay DIR --only NAME      one recording
    scripts/feed_server.py --generate                    data in the feed's shape, made up

It prints its address: give that to the pipeline as FEED_URL. Made-up data is labelled as such: in the data set's title, in the
file's address (which the pipeline keeps with every fetch) and in the header X-Generated.
"""

from __future__ import annotations

import argparse
import csv
import email.utils
import json
import math
import random
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

DATASET = "stavanger-parkering"
FACILITIES = Path(__file__).resolve().parent.parent / "dbt" / "seeds" / "facilities.csv"
WITHOUT_COUNT = {"Posten", "Kyrre"}  # the feed says Open for these
PLACES = {
    "Forum": ("58.9523279", "5.7046637"),
    "Jernbanen": ("58.966341", "5.732047"),
    "Jorenholmen": ("58.971964", "5.736688"),
    "Kyrre": ("58.969491", "5.726946"),
    "Parketten": ("58.975601", "5.721537"),
    "Posten": ("58.969721", "5.729923"),
    "Siddis": ("58.954126", "5.694017"),
    "St Olav": ("58.966764", "5.730807"),
    "Valberget": ("58.9721884", "5.7299647"),
}


def generate(moment: datetime) -> bytes:
    """The feed as it might look at ``moment``: made up, and always the same for the same moment."""
    local = moment.astimezone(ZoneInfo("Europe/Oslo"))
    local = local.replace(minute=local.minute // 2 * 2)
    # Fullest in the early afternoon.
    busy = 0.15 + 0.6 * max(0.0, math.sin(math.pi * (local.hour + local.minute / 60 - 6) / 14))
    dice = random.Random(f"{local:%Y-%m-%d %H:%M %z}")
    with FACILITIES.open(encoding="utf-8", newline="") as lines:
        capacities = {row["facility"]: int(row["capacity"]) for row in csv.DictReader(lines)}
    records = [
        {
            "Dato": f"{local:%d.%m.%Y}",
            "Klokkeslett": f"{local:%H:%M}",
            "Sted": facility,
            "Latitude": PLACES[facility][0],
            "Longitude": PLACES[facility][1],
            "Antall_ledige_plasser": "Open"
            if facility in WITHOUT_COUNT
            else str(round(capacity * min(1.0, max(0.0, 1 - busy + dice.uniform(-0.05, 0.05))))),
        }
        for facility, capacity in capacities.items()
    ]
    return json.dumps(records, ensure_ascii=False, separators=(",", ":")).encode()


def recordings(folder: Path, only: str | None) -> list[bytes]:
    """The recorded files in ``folder``, or in its ``snapshots``, in the order of their names. Exits if there is none."""
    files = sorted(path for path in (folder / "snapshots").glob("*.json")) or sorted(folder.glob("*.json"))
    files = [path for path in files if not path.name.endswith(".meta.json") and only in (None, path.name, path.stem)]
    if not files:
        sys.exit(f"there is no {only or '*.json'} in {folder} or {folder / 'snapshots'}: give a folder of recordings")
    return [path.read_bytes() for path in files]


class FeedServer(ThreadingHTTPServer):
    """Serves ``bodies`` one after the other, or what ``generate`` says if there are none."""

    def __init__(self, port: int, bodies: list[bytes]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.bodies = bodies
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """What FEED_URL must be."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def file_path(self) -> str:
        """Path of the JSON resource."""
        return f"/dataset/{DATASET}/{'recorded' if self.bodies else 'generated'}/parking.json"

    def next_body(self) -> bytes:
        """What the next fetch gets."""
        with self.lock:
            if not self.bodies:
                return generate(datetime.now(UTC))
            return self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]

    def package(self) -> dict:
        """CKAN's answer about the data set."""
        label = "" if self.bodies else " (generated, not the city's data)"
        resources = [{"name": f"Stavanger parkering json{label}", "format": "JSON", "url": self.address + self.file_path}]
        return {
            "success": True,
            "result": {
                "name": DATASET,
                "title": f"Stavanger Parkering{label}",
                "license_id": "NLOD-2.0",
                "organization": {"title": "Stavanger kommune"},
                "resources": resources,
            },
        }


class Handler(BaseHTTPRequestHandler):
    """GET of package_show and of the file."""

    server: FeedServer

    def do_GET(self) -> None:
        """Answer as CKAN and its file server do."""
        asked = urlsplit(self.path)
        if asked.path == "/api/3/action/package_show":
            if parse_qs(asked.query).get("id") == [DATASET]:
                self.answer(200, json.dumps(self.server.package()).encode())
            else:
                self.answer(
                    404, json.dumps({"success": False, "error": {"__type": "Not Found Error", "message": "Not found"}}).encode()
                )
        elif asked.path == self.server.file_path:
            generated = not self.server.bodies
            self.answer(200, self.server.next_body(), {"X-Generated": "true"} if generated else {})
        else:
            self.answer(404, b"{}")

    def answer(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send ``body``. Last-Modified is now, as the city's server has it whether or not the data moved."""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", email.utils.formatdate(usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--replay", metavar="DIR", type=Path, help="folder of recorded files")
    source.add_argument("--generate", action="store_true", help="made-up data")
    parser.add_argument("--only", metavar="NAME", help="the one recording to serve")
    parser.add_argument("--port", type=int, default=0, help="0, the default: any that is free")
    arguments = parser.parse_args()
    if arguments.only and not arguments.replay:
        parser.error("--only needs --replay")
    server = FeedServer(arguments.port, recordings(arguments.replay, arguments.only) if arguments.replay else [])
    print(server.address, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
