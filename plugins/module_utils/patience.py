# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Wait for a service that is just starting, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
INTERVAL = 0.3  # seconds between two attempts


def patiently(call: Callable[[], Answer], timeout: float, transient: Callable[[Exception], bool]) -> Answer:
    """The answer of ``call``, tried again for ``timeout`` seconds while it fails with what ``transient`` recognizes.

    Only a service that did not take the request at all may be asked again; whatever it refused stands.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return call()
        except Exception as error:
            if not transient(error) or time.monotonic() >= deadline:
                raise
        time.sleep(INTERVAL)
