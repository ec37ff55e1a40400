# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Where the services are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Settings:
    """Addresses of services, empty where the site has none (but Dagster); a folder of assets; ``timeout`` is in seconds."""

    dagster: str = "http://127.0.0.1:3000"
    trino: str = "http://127.0.0.1:8080"
    minio: str = "http://127.0.0.1:9010"
    postgresql: str = "tcp://127.0.0.1:5432"
    metastore: str = "tcp://127.0.0.1:9083"
    listen: str = "tcp://127.0.0.1:5000"
    assets: str = ""
    timeout: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The variables ``DASHBOARD_…``; ValueError names the one that is wrong, and what to say in its place."""
        found = {"assets": environment.get("DASHBOARD_ASSETS", "")}
        for name in ("dagster", "trino", "minio", "postgresql", "metastore", "listen"):
            variable, default = f"DASHBOARD_{name.upper()}", getattr(cls, name)
            found[name] = environment.get(variable, default).rstrip("/")
            if not found[name] and name not in ("dagster", "listen"):
                continue
            kind = default.split("://")[0]
            try:
                parts = urlsplit(found[name])
                right = parts.scheme in (kind, f"{kind}s") and parts.hostname and (parts.port is not None or kind == "http")
            except ValueError:
                right = False
            if not right:
                raise ValueError(f"{variable} is {environment[variable]!r}, which is no address: say {kind}://HOST:PORT")
        return cls(**found)
