# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""One at a time in a folder of the host."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator


@contextlib.contextmanager
def exclusive(path: str) -> Iterator[None]:
    """Wait until nobody else works below ``path``, and keep others out until the block ends.

    What a killed play left running on the host goes on, and would get into the way of the next play. The lock is a file beside
    the folder that nobody else may open: who can open it can hold it, and the folder can be read by others.
    """
    os.makedirs(path, exist_ok=True)
    folder, name = os.path.split(os.path.abspath(path))
    lock = os.open(os.path.join(folder, f".{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
