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


class Dbt(DbtCliResource):
    """dagster-dbt's resource, with the dbt of this environment, whether or not it is on the path.

    Before each command it would start `dbt --version`, which asks a package index for newer ones, and then import dbt and all
    adapters into this process, to count rows for a page that nobody asked for: five seconds and more, in every run.
    """

    dbt_executable: str = str(Path(sys.executable).with_name("dbt"))

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        return None
