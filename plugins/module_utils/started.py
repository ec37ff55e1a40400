# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a running service was started with: the memory behind every restart decision.

A handler is lost when a play is interrupted between the configuration and the restart. This record is not:
whatever changes a service's files forgets it first, and it is written only after the service proved healthy.
"""

from __future__ import annotations

import contextlib
import os

DIRECTORY = "/var/lib/foss-data-platform/started"


class StartedRecord:
    """The fingerprint that service ``name`` was started with, one small file on the managed host."""

    def __init__(self, name: str, directory: str = DIRECTORY):
        self._path = os.path.join(directory, name)

    def read(self) -> str | None:
        """The fingerprint; None if the service was never proven healthy with what is on disk now."""
        try:
            with open(self._path, encoding="ascii") as handle:
                return handle.read().strip()
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """From here on the service counts as not restarted."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def write(self, fingerprint: str) -> None:
        """The service runs, healthy, with ``fingerprint``."""
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        partial = f"{self._path}.partial"
        with open(partial, "w", encoding="ascii") as handle:
            handle.write(fingerprint + "\n")
        os.rename(partial, self._path)
