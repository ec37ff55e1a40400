# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Run a pipeline once on this machine, and show what is in its marts."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

from pipeline_shared import prepare, settings
from pipeline_shared.lake import connect

ROWS = 10  # of each mart


def run(root: Path) -> int:
    """Prepare the pipeline in ``root``, run its job in this process and show the marts; 0 if every step succeeded."""
    try:
        prepare.prepare(root)
    except (prepare.ReleaseError, settings.SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    loaded = importlib.import_module(prepare.MODULE)
    # dbt says what it does; what Dagster says besides is shown below, where it matters.
    logging.disable(logging.INFO)
    result = loaded.defs.resolve_job_def(loaded.pipeline.name).execute_in_process(
        raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            found = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items() if not name.startswith("dagster"))
            print(f"{check.severity.value}: {check.check_name} of {check.asset_key.to_user_string()}: {found}", file=sys.stderr)
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            print(f"{event.step_key} failed: {(error.cause or error).message.strip()}", file=sys.stderr)
    if result.success:
        show(loaded.pipeline)
    return 0 if result.success else 1


def show(pipeline: settings.Settings) -> None:
    """The first rows of each mart."""
    with connect(pipeline) as lake:
        tables = lake.query(
            f"select table_name from information_schema.tables where table_schema = '{pipeline.name}_marts' order by table_name"
        )
        for (name,) in tables:
            table = lake.table("marts", name)
            [(count,)] = lake.query(f"select count(*) from {table}")
            columns = [row[0] for row in lake.query(f"describe {table}")]
            print(f"\n{name}: {count} rows")
            print("  " + " | ".join(columns))
            for row in lake.query(f"select * from {table} order by {', '.join('12'[: len(columns)])} limit {ROWS}"):
                print("  " + " | ".join("" if value is None else str(value) for value in row))
