# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Make a release ready, and see that it would load: ``python -m pipeline_shared.prepare`` in the pipeline's folder.

Writes dbt/dbt_packages and dbt/target, imports orchestration.definitions, and needs no service. The release has to stay where it
was prepared: dbt remembers the folder of its seeds. With ``--test``, as the platform does it, the release's own tests have to
pass, too. Exit code 0, or 1 with one line on standard error that names the file and the fault.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_shared import settings

if TYPE_CHECKING:  # imported only where it is needed: what is wrong before that is said at once
    from dagster import AssetKey, Definitions

SCHEMA = "shared/schemas/pipeline.schema.json"
MODULE = "orchestration.definitions"
TESTS = "tests/test_release.py"
LONGEST = 500  # characters of what a test that fails says
_prepared: set[Path] = set()


class ReleaseError(Exception):
    """One sentence that names the file and the fault."""


def prepare(root: Path) -> None:
    """Once in this process: the release's own tests ask for it again. Raises ReleaseError or SettingsError."""
    if root in _prepared:
        return
    pipeline = settings.load(root)
    check_manifest(root, pipeline.manifest)
    parse_dbt(root / "dbt", pipeline.target)
    check_asset_keys(pipeline.name, import_definitions(root))
    _prepared.add(root)


def check_manifest(root: Path, manifest: dict) -> None:
    """The manifest against its schema. Raises ReleaseError that names every fault."""
    import jsonschema

    schema = json.loads((root / SCHEMA).read_text(encoding="utf-8"))
    faults = [
        f"{'.'.join(map(str, fault.absolute_path)) or 'the manifest'}: {fault.message}"
        for fault in sorted(jsonschema.Draft202012Validator(schema).iter_errors(manifest), key=lambda f: list(f.absolute_path))
    ]
    if faults:
        raise ReleaseError(f"{settings.MANIFEST}: {'; '.join(faults)}")


def parse_dbt(project: Path, target: str) -> None:
    """dbt's packages and manifest, as dagster-dbt wants to find them. Raises ReleaseError."""
    from dbt.cli.main import dbtRunner

    os.environ["DBT_LOG_PATH"] = os.environ["DBT_TARGET_PATH"] = str(project / "target")
    try:
        for command in "deps", "parse":
            # The target is named as the runs name it: dbt would parse everything anew otherwise.
            done = dbtRunner().invoke([command, *dbt_flags(project), "--target", target])
            if not done.success:
                raise ReleaseError(f"dbt does not {command}: {_plain(done.exception)}")
    finally:
        del os.environ["DBT_LOG_PATH"], os.environ["DBT_TARGET_PATH"]


def dbt_flags(project: Path) -> list[str]:
    """What every call of dbt in this process needs: where the project is, and nothing on the screen."""
    return ["--log-level", "none", "--log-level-file", "none", "--project-dir", str(project), "--profiles-dir", str(project)]


def import_definitions(root: Path) -> Definitions:
    """Import the code that Dagster will load; its Definitions. Raises ReleaseError with the line that failed."""
    try:
        module = importlib.import_module(MODULE)
    except SyntaxError as error:
        raise ReleaseError(f"{_inside(root, error.filename)}, line {error.lineno}: {error.msg}") from error
    except BaseException as error:  # whatever a module does when it is imported, sys.exit included
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
        where = f"{_inside(root, frames[-1].filename)}, line {frames[-1].lineno}" if frames else f"{MODULE.replace('.', '/')}.py"
        raise ReleaseError(f"{where}: {type(error).__name__}: {_plain(error)}") from error
    from dagster import Definitions

    if not isinstance(getattr(module, "defs", None), Definitions):
        raise ReleaseError(f"{MODULE.replace('.', '/')}.py has no `defs`: Dagster looks for a Definitions object of that name")
    return module.defs


def check_asset_keys(name: str, defs: Definitions) -> None:
    """What the pipeline makes or checks is its own: to Dagster all assets of one key are one, whichever pipeline they are of.

    What is only depended on may be another's. Raises ReleaseError that names the keys.
    """
    try:
        graph = defs.resolve_asset_graph()
    except Exception as error:  # what Dagster finds wrong with them, it says only now
        raise ReleaseError(f"Dagster can't load {MODULE}: {type(error).__name__}: {_plain(error)}") from error

    def others(keys: Iterable[AssetKey]) -> str:
        return ", ".join(sorted({key.to_user_string() for key in keys if key.path[0] != name}))

    if made := others(graph.executable_asset_keys):
        raise ReleaseError(
            f"it makes the assets {made}, and could be in another pipeline's way: let their keys begin with {name}, as "
            "`pipeline.asset_key(...)` and dbt's `Translator(pipeline)` do"
        )
    if checked := others(check.asset_key for check in graph.asset_check_keys):
        raise ReleaseError(
            f"it has checks of the assets {checked}, which it does not make: leave these out, tests of a dbt source among them"
        )


def run_tests(root: Path) -> None:
    """The tests that a release brings for its deploy, if it has some. Raises ReleaseError that names the first that fails."""
    if not (root / TESTS).exists():
        return
    try:
        import pytest
    except ImportError as error:
        raise ReleaseError(f"{TESTS} needs pytest: add it to requirements.in, run `make lock`, or remove the file") from error

    class First:
        """What the first test that fails says."""

        said = ""

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            self.pytest_runtest_logreport(report)

        def pytest_runtest_logreport(self, report: pytest.CollectReport | pytest.TestReport) -> None:
            if report.failed and not self.said:
                crash = getattr(report.longrepr, "reprcrash", None)
                # Of a file that can't be read there is a whole traceback, whose last line says why.
                text = crash.message if crash else report.longreprtext.rstrip().rpartition("\nE ")[2]
                self.said = f"{report.nodeid}: {_plain(text)[:LONGEST]}"

    first = First()
    with contextlib.redirect_stdout(io.StringIO()):
        options = ["-x", "-o", "addopts=", "-p", "no:cacheprovider", f"--rootdir={root}"]
        ended = pytest.main([*options, str(root / TESTS)], plugins=[first])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise ReleaseError(first.said or f"{TESTS}: pytest ended with {ended!r}")


def _inside(root: Path, path: str | None) -> str:
    return str(Path(path).relative_to(root)) if path and Path(path).is_relative_to(root) else str(path)


def _plain(error: BaseException | str | None) -> str:
    return " ".join(str(error).split())


def main() -> int:
    """Prepare the release in the current folder."""
    parser = argparse.ArgumentParser(description="Make the release in the current folder ready, and see that it would load")
    parser.add_argument("--test", action="store_true", help=f"also run its {TESTS}")
    arguments = parser.parse_args()
    # Nearly all that importing dbt and Dagster makes stays: to look for what does not, every 700 objects, takes a tenth of the
    # time.
    gc.set_threshold(50_000, 20, 20)
    try:
        # Whatever else is said on the way, warnings for the most part, would hide the one line.
        with contextlib.redirect_stderr(io.StringIO()):
            prepare(Path.cwd())
            if arguments.test:
                run_tests(Path.cwd())
    except (ReleaseError, settings.SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
