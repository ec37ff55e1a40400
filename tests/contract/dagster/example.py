# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A small code location: assets, a job that can fail, one that waits to be let go, a schedule and a sensor."""

import os
import time
from pathlib import Path

import dagster as dg


@dg.asset
def first() -> int:
    """Something."""
    return 1


@dg.asset
def second(first: int) -> int:
    """Something that stands on it."""
    return first + 1


@dg.op(config_schema={"divisor": int})
def divide(context) -> float:
    """Fails for zero."""
    return 1 / context.op_config["divisor"]


@dg.op
def after(number: float) -> None:
    """Not reached if the step before fails."""


@dg.job
def division():
    """Two steps."""
    after(divide())


@dg.op(config_schema={"folder": str}, pool="example")
def wait(context) -> None:
    """Write the process's id to ``folder/pid`` and wait for ``folder/go``."""
    folder = Path(context.op_config["folder"])
    (folder / "pid.new").write_text(str(os.getpid()))
    (folder / "pid.new").rename(folder / "pid")
    while not (folder / "go").exists():
        time.sleep(0.05)


@dg.job
def waiting():
    """One at a time."""
    wait()


everything = dg.define_asset_job("everything", selection=["first", "second"])


@dg.sensor(job=everything)
def watcher():
    """Never sees anything."""
    return dg.SkipReason("nothing")


defs = dg.Definitions(
    assets=[first, second],
    jobs=[division, waiting, everything],
    schedules=[
        dg.ScheduleDefinition(name="nightly", job=everything, cron_schedule="0 3 * * *", execution_timezone="Europe/Oslo")
    ],
    sensors=[watcher],
    executor=dg.in_process_executor,
)
