# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The Linux user of a pipeline, after which its keys and prefix are called too."""

from __future__ import annotations

import hashlib

LONGEST_USER = 32  # characters of a Linux user's name


def user_of(name: str) -> str:
    """The Linux user that a pipeline runs as; a name too long for one is cut and kept apart by a sum."""
    user = f"pl-{name}"
    return user if len(user) <= LONGEST_USER else f"{user[: LONGEST_USER - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
