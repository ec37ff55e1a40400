# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""dbt as a resource of Dagster, started without detours, and its tables as the pipeline's assets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster import AssetKey
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource
from packaging.version import Version

from pipeline_shared.child import ends_with_parent
from pipeline_shared.settings import Settings


class Dbt(DbtCliResource):
    """dagster-dbt's resource, which would do two more things before each command.

    It starts `dbt --version`, which asks a package index for newer ones, and imports dbt and all adapters into this process, to
    count rows for a page that nobody asked for: five seconds and more, in every run.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None


class Translator(DagsterDbtTranslator):
    """Lets the key of each table begin with the pipeline's name.

    A key that `meta: {dagster: {asset_key: [...]}}` says is taken as it is: a source may be the asset of another pipeline.
    """

    def __init__(self, pipeline: Settings) -> None:
        # dbt's tests of the raw tables are checks of the assets that ingest makes.
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
        self._pipeline = pipeline

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """The key of a model, seed, snapshot or source."""
        key = super().get_asset_key(dbt_resource_props)
        said = dbt_resource_props["config"].get("meta", {}).get("dagster", {}).get("asset_key")
        return key if said else AssetKey(self._pipeline.asset_key(*key.path))


def dbt_of(pipeline: Settings) -> Dbt:
    """The pipeline's dbt project, and the dbt of this environment, whether or not it is on the path."""
    project = str(pipeline.root / "dbt")
    # dagster-dbt puts the flags right behind the executable, so together they are a command before dbt's.
    executable, *flags = ends_with_parent(str(Path(sys.executable).with_name("dbt")))
    return Dbt(
        project_dir=project,
        profiles_dir=project,
        target=pipeline.target,
        dbt_executable=executable,
        global_config_flags=flags,
    )
