#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Bring a plain dbt project in: a new pipeline from the template, with that project's models, seeds, tests and macros.

    scripts/adopt.py PROJECT NAME [--title TITLE] [--team TEAM] [--email EMAIL] [--into FOLDER]

Models in folders named staging, intermediate or base become the schema `staging`, all others `marts`; sources are read from `raw`.
Says what is left to do. On a fault, one line, and nothing was made.
"""

import argparse
import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from cookiecutter.exceptions import CookiecutterException
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"model": "source", "seed": "data", "test": "", "macro": ""}  # and what dbt called their folders before 1.0
STAGING = ("staging", "intermediate", "base")
LEFT_OUT = ("snapshot-paths", "analysis-paths", "on-run-start", "on-run-end", "dispatch", "query-comment")
# What the template has for its example and a project without a feed has no use for.
EXAMPLE = """config/example_feed.json notebooks/measurements.ipynb orchestration/checks.py orchestration/ingest.py
    tests/feed.py tests/test_checks.py tests/test_records.py tests/test_run.py dbt/models dbt/seeds dbt/tests""".split()
# In files of the template: text that goes, and what comes in its place.
EDITS = {
    "orchestration/definitions.py": {
        '"""What Dagster loads: the feed\'s ingest, dbt\'s models and tests, the checks, maintenance, one job and its schedule."""': (
            '"""What Dagster loads: dbt\'s models and tests, one job and its schedule."""'
        ),
        "from pipeline_shared.assets import freshness_of, maintenance_of\n": "from pipeline_shared.assets import freshness_of\n",
        "from orchestration.checks import checks_of\nfrom orchestration.ingest import FEED, ingest_of\n\n": "",
        "[ingest_of(pipeline), dbt_models, *maintenance_of(pipeline, FEED, after=dbt_models.keys)]": "[dbt_models]",
        "[*freshness_of(pipeline), *checks_of(pipeline)]": "freshness_of(pipeline)",
    },
    "tests/test_release.py": {
        '    assert AssetKey(["raw", "measurements_fetches"]) in made\n': "",
        # From here to the end: that of marts is a rule of the platform, of the others nobody has to say anything.
        '\n\n@pytest.mark.parametrize("folder"': None,
        "from dagster import AssetKey\n": "",
    },
    "pipeline.yml": {
        "retention_days: 365": "retention_days: forever",
        "settings:\n  # The example that came with the template; put the address of your feed here.\n"
        "  FEED_URL: config/example_feed.json\n": "",
    },
}


class AdoptError(Exception):
    """One sentence that says why the project can't be brought in."""


def read(path: Path) -> dict:
    """A YAML file; empty if there is none. Raises AdoptError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AdoptError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found or {}, dict):
        raise AdoptError(f"{path} is not what dbt reads: it has no names at its top")
    return found or {}


def read_project(folder: Path) -> dict:
    """dbt_project.yml. Raises AdoptError if this is none, or one that could not work on the platform."""
    if not (folder / "dbt_project.yml").is_file():
        raise AdoptError(f"{folder} has no dbt_project.yml, so it is no dbt project: give the folder that has it, DBT=...")
    project = read(folder / "dbt_project.yml")
    if not isinstance(project.get("name"), str):
        raise AdoptError(f"{folder}/dbt_project.yml has no name")
    needed = [p for name in ("packages.yml", "dependencies.yml") for p in read(folder / name).get("packages") or []]
    if needed:
        names = ", ".join(str(next(iter(package.values()))) if isinstance(package, dict) else str(package) for package in needed)
        raise AdoptError(
            f"it needs the packages {names}: a release is prepared without a network, so copy the macros that it uses into its own"
        )
    return project


def copy(folder: Path, project: dict, dbt: Path) -> None:
    """Its models, seeds, tests and macros. Raises AdoptError."""
    for kind, before in KINDS.items():
        paths = project.get(f"{kind}-paths") or project.get(f"{before}-paths") or [f"{kind}s"]
        for source in (folder / path for path in paths):
            for path in sorted(source.rglob("*")) if source.is_dir() else ():
                if path.is_symlink() or not source.resolve().is_relative_to(folder.resolve()):
                    raise AdoptError(f"{path} is a link or lies outside of the project: replace it by what it stands for")
                if not path.is_file():
                    continue
                if kind == "macro" and "generate_schema_name" in path.read_text(encoding="utf-8", errors="replace"):
                    raise AdoptError(
                        f"{path} names schemas itself (generate_schema_name): remove it, here a schema is NAME_SCHEMA"
                    )
                target = dbt / f"{kind}s" / path.relative_to(source)
                if target.exists():
                    raise AdoptError(f"{path} is there twice, in several of its {kind}-paths: rename one")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def tables(config: object) -> object:
    """A project's own configuration, without where its tables lie; views become tables: they are read more often than made."""
    if not isinstance(config, dict):
        return config
    kept = {key: tables(value) for key, value in config.items() if key.lstrip("+") not in ("schema", "database", "tags")}
    return {key: "table" if key.lstrip("+") == "materialized" and value == "view" else value for key, value in kept.items()}


def configure(project: dict, dbt: Path, name: str) -> None:
    """The template's dbt_project.yml with what the project's own says."""
    path = dbt / "dbt_project.yml"
    made = read(path)
    folders = sorted(folder for folder in STAGING if (dbt / "models" / folder).is_dir())
    for kind, schemas in {"models": {"": "marts"} | dict.fromkeys(folders, "staging"), "seeds": {"": "staging"}}.items():
        own = tables((project.get(kind) or {}).get(project["name"]) or {})
        config = {key: value for key, value in made[kind][name].items() if key.startswith("+")} | own
        config.pop("+materialized" if "materialized" in config else "", None)
        for folder, schema in schemas.items():
            place = config if not folder else config.setdefault(folder, {})
            place["+schema"] = schema
        made[kind][name] = config
    variables = dict(project.get("vars") or {})
    made["vars"] = variables | (variables.pop(project["name"], None) or {})
    path.write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), encoding="utf-8")


def lead_sources(dbt: Path, name: str) -> list[str]:
    """Let the project's sources be read from the schema `raw`; a name for each table."""
    found = []
    for path in sorted(path for kind in ("yml", "yaml") for path in dbt.glob(f"models/**/*.{kind}")):
        said = read(path)
        for source in said.get("sources") or []:
            source.pop("database", None)
            source["schema"] = f"{{{{ env_var('PIPELINE_NAME', '{name}') }}}}_raw"
            found += [f"{source['name']}.{table['name']}" for table in source.get("tables") or []]
        if said.get("sources"):
            path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return found


def adapt(made: Path) -> None:
    """Take the template's example out of a new pipeline."""
    for name in EXAMPLE:
        path = made / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, edits in EDITS.items():
        text = (made / name).read_text(encoding="utf-8")
        for old, new in edits.items():
            if old not in text:
                raise AdoptError(f"the template's {name} is another than scripts/adopt.py knows: mend EDITS there ({old!r})")
            text = text.partition(old)[0] if new is None else text.replace(old, new)
        (made / name).write_text(text, encoding="utf-8")
    for name in ("README.md", "docs/data.md", "tests/test_run.py"):
        shutil.copyfile(ROOT / "scripts" / "adopted" / Path(name).name, made / name)


def adopt(folder: Path, into: Path, answers: dict[str, str]) -> list[str]:
    """Make the pipeline; what is left to do. Raises AdoptError, or what cookiecutter raises of a bad answer."""
    project, name = read_project(folder), answers["name"]
    if (into / name).exists():
        raise AdoptError(f"{into / name} is there already: give another NAME, or move it away")
    with tempfile.TemporaryDirectory(dir=into, prefix=".adopt-") as scratch:
        with contextlib.redirect_stdout(io.StringIO()):
            made = Path(
                cookiecutter(str(ROOT / "cookiecutter-pipeline"), no_input=True, output_dir=scratch, extra_context=answers)
            )
        adapt(made)
        copy(folder, project, made / "dbt")
        configure(project, made / "dbt", name)
        sources = lead_sources(made / "dbt", name)
        if (made / ".git").exists():
            who = [f"user.name={answers.get('team', name)}", f"user.email={answers.get('email', 'data@example.org')}"]
            git = ["git", "-C", str(made), *(word for one in who for word in ("-c", one)), "-c", "commit.gpgsign=false"]
            subprocess.run([*git, "add", "--all"], check=True)
            subprocess.run([*git, "commit", "-q", "--no-verify", "-m", f"The dbt project {project['name']}"], check=True)
        made.rename(into / name)
    return [
        *(
            f"nothing loads the source {source} yet: write its ingest in orchestration/, and state its licence"
            for source in sources
        ),
        *(f"dbt_project.yml has `{key}`, which was left out: see whether it is needed" for key in LEFT_OUT if project.get(key)),
        "its SQL has to run on DuckDB, which `make test` shows, and on Trino, which the first deploy shows",
        "`make test` names each of the platform's rules that it does not keep yet",
    ]


def main() -> int:
    """0, or 1 with one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", help="the folder with dbt_project.yml")
    parser.add_argument("name", help="of the new pipeline")
    for answer in ("title", "team", "email"):
        parser.add_argument(f"--{answer}")
    parser.add_argument("--into", type=Path, default=ROOT.parent, help="where it is made; the default is beside this checkout")
    given = vars(parser.parse_args())
    folder, into = Path(given.pop("project")), given.pop("into")
    try:
        left = adopt(folder, into, {answer: value for answer, value in given.items() if value})
    except (AdoptError, CookiecutterException) as error:
        print(f"Nothing was made: {error}", file=sys.stderr)
        return 1
    print(f"{into / given['name']} is ready. Left to do:", *(f"  - {one}" for one in left), sep="\n")
    print(f"Next: cd {into / given['name']} && make test && make dev")
    return 0


if __name__ == "__main__":
    sys.exit(main())
