# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""For a pipeline's own tests: the whole of it in a scratch folder, DuckDB by default, Trino where the environment says so."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_shared import settings
from pipeline_shared.lake import Lake, connect
from pipeline_shared.prepare import dbt_flags


@contextmanager
def environment(**values: str):
    """The environment with ``values``, and as it was afterwards."""
    before = os.environ.copy()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Workspace:
    """One pipeline with data of its own. ``values`` are environment variables, such as PIPELINE_TARGET=prod."""

    def __init__(self, root: Path, data_dir: Path, **values: str) -> None:
        self.root = root
        with environment(**{"PIPELINE_TARGET": "dev", "PIPELINE_DATA_DIR": str(data_dir), **values}):
            self.settings = settings.load(root)
            self._environment = dict(os.environ)

    def empty(self) -> None:
        """Remove the data, not what dbt remembers of the project."""
        shutil.rmtree(self.settings.data_dir / "raw")
        (self.settings.data_dir / "raw").mkdir()
        # Not the file: dbt may still have it open in this process.
        for schema in self.settings.manifest["schemas"]:
            self.query(f"drop schema if exists {{{schema}}} cascade")

    def dbt(self, *arguments: str) -> dict[str, str]:
        """Run dbt. Each node's name and how it ended: success, pass, warn, fail, error, skipped. Raises RuntimeError."""
        return {result.node.name: str(result.status) for result in self._dbt(*arguments)}

    def compiled(self, statement: str) -> str:
        """The SQL that dbt makes of a statement with macros in it. Raises RuntimeError."""
        [result] = self._dbt("compile", "--inline", statement)
        return result.node.compiled_code

    def _dbt(self, *arguments: str) -> list[Any]:
        from dbt.cli.main import dbtRunner

        project = self.root / "dbt"
        scratch = self.settings.data_dir / "temp" / "dbt"
        places = {"DBT_TARGET_PATH": str(scratch), "DBT_LOG_PATH": str(scratch)}
        with environment(**{**self._environment, **places}):
            done = dbtRunner().invoke([*arguments, *dbt_flags(project)])
        if done.result is None:
            raise RuntimeError(f"dbt {' '.join(arguments)}: {done.exception}")
        return done.result.results

    def run(self) -> Any:
        """Run the pipeline's job in this process, as Dagster does; its ExecuteInProcessResult, success or not."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "orchestration"]:
            del sys.modules[name]  # they hold the settings of the workspace before
        with environment(**self._environment):
            job = importlib.import_module("orchestration.definitions").defs.resolve_job_def(self.settings.name)
            return job.execute_in_process(
                raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            )

    @contextmanager
    def lake(self) -> Iterator[Lake]:
        """Its tables."""
        with environment(**self._environment), connect(self.settings) as lake:
            yield lake

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of one statement. ``{marts}`` and the like stand for the pipeline's schemas."""
        names = {schema: f'"{self.settings.name}_{schema}"' for schema in self.settings.manifest["schemas"]}
        with self.lake() as lake:
            return lake.query(statement.format(**names))
