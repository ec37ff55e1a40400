# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's settings: what its manifest says, with the environment above it. On a laptop nothing has to be set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

MANIFEST = "pipeline.yml"
TARGETS = ("dev", "prod")  # DuckDB in a file; Trino
FOLDERS = ("raw", "staging", "processed", "temp")


class SettingsError(Exception):
    """One sentence that says which setting is wrong and what to do."""


@dataclass(frozen=True)
class Settings:
    """What code of a pipeline asks for.

    ``name`` is the manifest's, unless a test keeps apart what it makes. ``catalog`` only matters when ``target`` is prod.
    """

    root: Path
    name: str
    manifest: dict
    target: str
    data_dir: Path
    catalog: str

    @property
    def duckdb_path(self) -> Path:
        """The data base of target dev. dbt's profile says the same."""
        return self.data_dir / "processed" / f"{self.name}.duckdb"

    def asset_key(self, *parts: str) -> list[str]:
        """The key of an asset, as Dagster takes it: all pipelines share one Dagster, so it begins with this one's name.

        Of a table ``parts`` are its schema and its name.
        """
        return [self.name, *parts]

    def __getitem__(self, key: str) -> str:
        """A setting of the pipeline's own, as in `settings` of its manifest. Raises SettingsError if nobody gave it."""
        try:
            return os.environ[key]
        except KeyError:
            raise SettingsError(f"{key} is not set: give it under `settings` in {MANIFEST} or in the environment") from None


def load(root: Path) -> Settings:
    """Settings of the pipeline in ``root``. Raises SettingsError.

    What the environment lacks is put there, so that dbt sees the same.
    """
    path = root / MANIFEST
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"there is no {path}: run this in a pipeline's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{MANIFEST} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(manifest, dict) or not {"name", "schedule", "format"} <= manifest.keys():
        raise SettingsError(f"{MANIFEST} must at least have name, schedule and format: see shared/schemas/pipeline.schema.json")
    for key, value in manifest.get("settings", {}).items():
        os.environ.setdefault(key, str(value))
    os.environ.setdefault("PIPELINE_NAME", manifest["name"])
    os.environ.setdefault("PIPELINE_TARGET", "dev")
    os.environ.setdefault("PIPELINE_DATA_DIR", str(root / "data"))
    os.environ.setdefault("TRINO_CATALOG", manifest["format"])
    target = os.environ["PIPELINE_TARGET"]
    if target not in TARGETS:
        raise SettingsError(f"PIPELINE_TARGET is {target}: it must be {' or '.join(TARGETS)}")
    if target == "prod" and "TRINO_HOST" not in os.environ:
        raise SettingsError(
            "PIPELINE_TARGET is prod, which needs TRINO_HOST: the platform gives both; here leave the target at dev"
        )
    if "TRINO_PASSWORD" in os.environ:
        # Under a name that dbt takes for a secret's: it shows it nowhere, and does not parse anew what was parsed without it.
        os.environ["DBT_ENV_SECRET_TRINO_PASSWORD"] = os.environ["TRINO_PASSWORD"]
    data_dir = Path(os.environ["PIPELINE_DATA_DIR"]).absolute()
    for folder in FOLDERS:
        (data_dir / folder).mkdir(parents=True, exist_ok=True)
    return Settings(root, os.environ["PIPELINE_NAME"], manifest, target, data_dir, os.environ["TRINO_CATALOG"])
