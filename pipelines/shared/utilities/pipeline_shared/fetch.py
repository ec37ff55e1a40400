# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Fetch a feed: tried again where that can help, one clear error where it can't."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ATTEMPTS = 4
FIRST_PAUSE = 1.0  # seconds; doubled after each attempt
TIMEOUT = 20.0  # seconds without a byte
BUSY = {408, 425, 429, 500, 502, 503, 504}  # answers that a later attempt may not get


class FetchError(Exception):
    """One sentence that names the address and says what came back instead of the feed."""


@dataclass(frozen=True)
class Fetched:
    """What an address gave, and when (UTC, without zone)."""

    address: str
    body: bytes
    fetched_at: datetime
    last_modified: str | None = None

    @property
    def content_hash(self) -> str:
        """sha256 of the body's bytes."""
        return hashlib.sha256(self.body).hexdigest()


def now() -> datetime:
    """This moment in UTC, without zone, as the raw tables keep it."""
    return datetime.now(UTC).replace(tzinfo=None)


def fetch(address: str, root: Path, pause: float = FIRST_PAUSE) -> Fetched:
    """Get ``address``: http(s), or a file's path below ``root``, the pipeline's folder. Raises FetchError."""
    if "://" not in address:
        try:
            return Fetched(address, (root / address).read_bytes(), now())
        except OSError as error:
            raise FetchError(
                f"{address} can't be read: {error.strerror}. It is a path in {root}, or should it be a web address?"
            ) from error
    if not address.startswith(("http://", "https://")):
        raise FetchError(f"{address} is neither http(s) nor the path of a file: mend the setting")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
                return Fetched(address, answer.read(), now(), answer.headers.get("Last-Modified"))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code not in BUSY:
                raise FetchError(f"{address} answered {reason}") from error
        # An answer that ends early, or is no HTTP, is http.client.HTTPException; all others are OSError.
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        if attempt < ATTEMPTS:
            time.sleep(pause * 2 ** (attempt - 1))
    raise FetchError(f"{address} did not answer in {ATTEMPTS} attempts: {reason}")
