#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Run parts of the tests and count them.

    scripts/test.py lint unit               what one runs while working
    scripts/test.py molecule trino minio    these scenarios
    scripts/test.py lint unit contract template sanity molecule [--all]

Without names, `molecule` runs `default` and the scenarios whose role changed; with --all, every one.
Logs and JUnit reports are in .cache/test. The last line is the sum; the exit code is 1 if anything failed.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "test"
PARTS = ("lint", "unit", "contract", "template", "sanity", "molecule", "e2e")
# Parts of one group run side by side. Sanity and Molecule both want every core, so they only do where there are more than two.
TOGETHER = [("lint", "unit"), ("contract", "template"), ("sanity", "molecule"), ("e2e",)]
CORES = os.cpu_count() or 1
TAIL = 60  # lines shown of a log that tells of a failure


@dataclass
class Counts:
    """Tests by outcome."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        """As the closing line has it."""
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


@dataclass
class Job:
    """One command of a part. What it counts is in ``report``; a command without a report counts as one test."""

    part: str
    name: str
    command: list[str]
    report: Path | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return LOGS / f"{self.part}-{self.name}.log"


def read_junit(path: Path) -> Counts:
    """The counts in a JUnit report. An error in a fixture is a failure."""
    counts = Counts()
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        number = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        counts += Counts(max(0, number["tests"] - failed - number["skipped"]), failed, number["skipped"])
    return counts


def counted(code: int, report: Path | None) -> Counts:
    """What a command that ended with ``code`` counts: one that failed has at least one failure, whatever its report says."""
    if report is None:
        return Counts(passed=int(code == 0), failed=int(code != 0))
    try:
        counts = read_junit(report)
    except (OSError, ElementTree.ParseError):
        # It died before it could write one.
        return Counts(failed=1)
    return counts if code == 0 or counts.failed else counts + Counts(failed=1)


def execute(job: Job) -> tuple[Counts, float]:
    """Run the command; its output goes to the log, the lines of Molecule's runner to the screen too."""
    began = time.monotonic()
    if job.report:
        job.report.unlink(missing_ok=True)
    with job.log.open("w", buffering=1, encoding="utf-8") as log:
        try:
            process = subprocess.Popen(
                job.command,
                cwd=ROOT,
                env=os.environ | {"PYTHONUNBUFFERED": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            log.write(f"{job.command[0]}: {error.strerror}: run `make env`\n")
            return Counts(failed=1), time.monotonic() - began
        for line in process.stdout:
            log.write(line)
            if job.part == "molecule":
                print(line, end="", flush=True)
    return counted(process.wait(), job.report), time.monotonic() - began


# -- the parts


def pytest(part: str, name: str, folder: str, *options: str) -> list[Job]:
    """A job for the tests in ``folder``."""
    report = LOGS / f"{part}-{name}.xml"
    return [Job(part, name, [sys.executable, "-m", "pytest", "-q", *options, f"--junitxml={report}", folder], report)]


def tracked(*patterns: str) -> list[str]:
    """Files of the repository by git's patterns, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in listed if (ROOT / path).is_file()]


def lint() -> list[Job]:
    """Every linter, the slowest first."""
    scripts = [*tracked("*.sh"), ".ci/run"]
    # The template's SQL is copied as it is, so it is linted where it lies; what is generic or a macro is no statement.
    statements = [path for path in tracked("*/dbt/models/*.sql", "*/dbt/tests/*.sql") if "/generic/" not in path]
    return [
        Job("lint", "ansible-lint", ["ansible-lint", "--offline", "-q", "--nocolor"]),
        *pytest("lint", "repository", "tests/lint"),
        Job("lint", "yamllint", ["yamllint", "--strict", *tracked("*.yml", "*.yaml")]),
        Job("lint", "shellcheck", ["shellcheck", *scripts]),
        Job("lint", "sqlfluff", ["sqlfluff", "lint", "--disable-progress-bar", "--nocolor", *statements]),
        Job("lint", "ruff", ["ruff", "check", "--quiet", "."]),
        Job("lint", "ruff-format", ["ruff", "format", "--check", "--quiet", "."]),
        Job("lint", "changelog", ["antsibull-changelog", "lint"]),
    ]


def unit() -> list[Job]:
    """Unit tests."""
    return pytest("unit", "tests", "tests/unit", "-n", str(min(CORES, 4)))


def contract() -> list[Job]:
    """The Dagster client against a Dagster of its own. Trino's tests want a host: the scenario `default` runs them."""
    return pytest("contract", "tests", "tests/contract")


def template() -> list[Job]:
    """A pipeline fresh from the template, tested by itself."""
    return pytest("template", "tests", "tests/template")


def e2e() -> list[Job]:
    """The tests of a deployed host, on the sandbox."""
    reach = ["--connection=ssh", "--hosts=ssh://sandbox", "--ssh-config=.sandbox/sandbox/ssh_config"]
    return pytest("e2e", "tests", "tests/e2e", *reach)


def sanity() -> list[Job]:
    """The collection as it is published."""
    return pytest("sanity", "tests", "tests/sanity")


def scenarios() -> list[str]:
    """All Molecule scenarios, `default` first."""
    names = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    return sorted(names, key=lambda name: name != "default")


def git(*arguments: str) -> str | None:
    """What git says; None if it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def changed_files() -> list[str]:
    """Files that differ from the branch this one goes into, or from the commit before where there is no such branch.

    A shallow clone of one commit has neither: nothing can be told, so nothing is listed; `default` is the whole platform anyway.
    """
    head, base = git("rev-parse", "HEAD"), None
    for upstream in ("@{upstream}", "origin/HEAD", "origin/main"):
        base = base or git("merge-base", "HEAD", upstream)
    if base in (None, head):
        base = git("rev-parse", "--verify", "HEAD^1")
    if base is None:
        return []
    return (git("diff", "--name-only", base) or "").splitlines() + new_files()


def new_files() -> list[str]:
    """Files that git does not know yet."""
    return (git("ls-files", "--others", "--exclude-standard") or "").splitlines()


def concerned(files: list[str], names: list[str]) -> list[str]:
    """Of the scenarios ``names``: `default`, and those whose role, scenario or tests are among ``files``."""
    touched = {tuple(path.split("/")[:2]) for path in files} | {
        tuple(path.split("/")[1:3]) for path in files if path.startswith("tests/")
    }
    return [n for n in names if n == "default" or touched & {("roles", n), ("molecule", n), ("verify", n)}]


def molecule(names: list[str]) -> Counts:
    """Run scenarios. Each counts as one test, and each of its testinfra tests as another."""
    print(f"molecule: {', '.join(names)}", flush=True)
    reports = {name: LOGS / f"molecule-{name}.xml" for name in names}
    results = {name: LOGS / f"molecule-{name}.result" for name in names}
    for path in (*reports.values(), *results.values()):
        path.unlink(missing_ok=True)
    execute(Job("molecule", "all", ["scripts/molecule.sh", *names]))
    total = Counts()
    for name in names:
        verified = read_junit(reports[name]) if reports[name].exists() else Counts()
        passed = results[name].exists() and results[name].read_text().strip() == "passed"
        total += verified
        if passed or not verified.failed:
            total += Counts(passed=int(passed), failed=int(not passed))
    return total


# -- putting them together


def say(name: str, counts: Counts, seconds: float) -> None:
    """One line for a person."""
    print(f"{'ok    ' if not counts.failed else 'FAILED'}  {name:<24} {counts}  ({seconds:.1f} s)", flush=True)


def show_tail(log: Path) -> None:
    """The end of a log that tells of a failure."""
    lines = log.read_text(encoding="utf-8").splitlines()
    print(f"--- the end of {log.relative_to(ROOT)}", *lines[-TAIL:], "---", sep="\n", flush=True)


def jobs_of(part: str) -> list[Job]:
    """The commands of a part that consists of commands."""
    return {"lint": lint, "unit": unit, "contract": contract, "template": template, "sanity": sanity, "e2e": e2e}[part]()


def run_jobs(jobs: list[Job]) -> Counts:
    """As many side by side as there are cores."""
    total = Counts()

    def one(job: Job) -> Counts:
        counts, seconds = execute(job)
        say(f"{job.part} {job.name}" if job.part == "lint" else job.part, counts, seconds)
        if counts.failed:
            show_tail(job.log)
        return counts

    with ThreadPoolExecutor(max_workers=CORES) as pool:
        for counts in pool.map(one, jobs):
            total += counts
    return total


def run_molecule(names: list[str]) -> Counts:
    """The part `molecule`, with its line."""
    began = time.monotonic()
    counts = molecule(names)
    say("molecule", counts, time.monotonic() - began)
    return counts


def stages(parts: set[str]) -> Iterator[list[str]]:
    """Groups of parts, one after the other."""
    for group in TOGETHER:
        chosen = [part for part in group if part in parts]
        if "molecule" in chosen and CORES <= 2:
            yield from ([part] for part in chosen)
        elif chosen:
            yield chosen


def main() -> int:
    """0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="PART", help=", ".join(PARTS) + "; with molecule also names of scenarios")
    parser.add_argument("--all", action="store_true", help="every Molecule scenario")
    arguments = parser.parse_args()
    parts = {name for name in arguments.names if name in PARTS}
    wanted = [name for name in arguments.names if name not in PARTS]
    known = scenarios()
    if wanted and "molecule" not in parts:
        parser.error(f"there is no part {wanted[0]!r}: say {', '.join(PARTS)}")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]!r}: say {', '.join(known)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    if "molecule" in parts and not wanted:
        wanted = known if arguments.all else concerned(changed_files(), known)
    total = Counts()
    for stage in stages(parts):
        jobs = [job for part in stage if part != "molecule" for job in jobs_of(part)]
        with ThreadPoolExecutor(max_workers=2) as pool:
            running = [pool.submit(run_jobs, jobs)] if jobs else []
            if "molecule" in stage:
                running.append(pool.submit(run_molecule, wanted))
            for future in running:
                total += future.result()
    print(total, flush=True)
    return int(total.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
