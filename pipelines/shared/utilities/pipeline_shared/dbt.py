# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""dbt as a resource of Dagster, started without detours."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource
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
