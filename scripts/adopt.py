#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Bring a plain dbt project in: a new pipeline from the template, with that project's models, seeds, tests and macros.

    scripts/adopt.py PROJECT NAME [--title TITLE] [--team TEAM] [--email EMAIL] [--into FOLDER]

Models in folders named staging, intermediate or base go to the schema `staging`, others to `marts`; sources are read from `raw`.
The template is its first commit; what came on top is not committed, for you to look at. Says what is left to do.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from from_template import ROOT, make

KINDS = {"model": "source", "seed": "data", "test": "", "macro": ""}  # and what dbt called their folders before 1.0
STAGING = ("staging", "intermediate", "base")
LEFT_OUT = ("snapshot-paths", "analysis-paths", "on-run-start", "on-run-end", "dispatch", "query-comment", "tests", "data_tests")
# What a template or a comment says is no SQL; a macro's own text is.
NO_SQL = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|'[^']*'", re.DOTALL)
PLACED = re.compile(r"config\s*\([^)]*\b((schema|database)\s*=|materialized\s*=\s*['\"]view)")
TEMPLATE = ROOT / "cookiecutter-pipeline"
RECIPE = TEMPLATE / "adopted" / "template.yml"


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
            f"it needs the packages {names}, and a release is prepared without a network: copy the macros that it uses"
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
                    raise AdoptError(f"{path} names schemas itself (generate_schema_name): remove it, it would not fit here")
                target = dbt / f"{kind}s" / path.relative_to(source)
                if target.exists():
                    raise AdoptError(f"{path} is there twice, in several of its {kind}-paths: rename one")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def tables(config: object) -> object:
    """A project's own configuration, without where its tables lie; views become tables: they are read more often than made."""
    if not isinstance(config, dict):
        return config
    kept = {key: tables(value) for key, value in config.items() if key.lstrip("+") not in ("schema", "database")}
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
    own = variables.pop(project["name"], None) or {}
    made["vars"] = variables | own
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
    """Take the template's example out of a new pipeline, as the recipe says. Raises AdoptError."""
    recipe = read(RECIPE)
    for path in (made / name for name in recipe["remove"]):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    for name, edits in recipe["edit"].items():
        text = (made / name).read_text(encoding="utf-8")
        for old, new in edits.items():
            if old not in text:
                raise AdoptError(f"the template's {name} has no {old!r} any more: mend {RECIPE}")
            # Without anything in its place all that follows goes, too.
            text = text.partition(old)[0] if new is None else text.replace(old, new)
        (made / name).write_text(text, encoding="utf-8")
    for source, name in recipe["replace"].items():
        shutil.copyfile(RECIPE.parent / source, made / name)


def dividing(dbt: Path) -> list[Path]:
    """Files with SQL that divides: by whole numbers, DuckDB gives a fraction and Trino does not."""
    paths = sorted(path for kind in ("models", "macros", "tests") for path in dbt.glob(f"{kind}/**/*.sql"))
    return [path for path in paths if "/" in NO_SQL.sub("", path.read_text(encoding="utf-8", errors="replace"))]


def left_out(folder: Path, project: dict) -> list[str]:
    """Settings of the project that say something and were not brought in."""
    there = {key: [p for p in project.get(key) or [] if (folder / p).is_dir()] for key in ("snapshot-paths", "analysis-paths")}
    return [key for key in LEFT_OUT if there.get(key, project.get(key))]


def adopt(folder: Path, into: Path, answers: dict[str, str]) -> list[str]:
    """Make the pipeline; what is left to do. Raises AdoptError."""
    project, name = read_project(folder), answers["name"]
    if not into.is_dir():
        raise AdoptError(f"there is no folder {into}: make it first")
    with tempfile.TemporaryDirectory(dir=into, prefix=".adopt-") as scratch:
        try:
            make(Path(scratch), answers)
        except ValueError as error:
            raise AdoptError(str(error)) from error
        if (into / name).exists():  # the name is a good one by now
            raise AdoptError(f"{into / name} is there already: give another NAME, or move it away")
        made = Path(scratch) / name
        adapt(made)
        copy(folder, project, made / "dbt")
        configure(project, made / "dbt", name)
        sources = lead_sources(made / "dbt", name)
        placed = [path.relative_to(made) for path in sorted(made.glob("dbt/models/**/*.sql")) if PLACED.search(path.read_text())]
        stand_ins = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
        divided = [path.relative_to(made) for path in dividing(made / "dbt")]
        made.rename(into / name)
    return [
        *(f"nothing loads the source {source} yet: write its ingest in orchestration/, state its licence" for source in sources),
        *(f"{path} says itself where its table lies, or that it is a view: leave that to dbt_project.yml" for path in placed),
        *(
            f"{path} divides: 7 / 2 is 3.5 in DuckDB and 3 in Trino, so make one of both a decimal, as cast(7 as decimal(18, 2))"
            for path in divided
        ),
        *(
            f"pipeline.yml has `{answer}: {stand_ins[answer]}`, which is nobody: put your own there"
            for answer in ("team", "email")
            if answer not in answers
        ),
        *(f"dbt_project.yml had `{key}`, which was left out: see whether it is needed" for key in left_out(folder, project)),
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
        if not given["name"]:
            raise AdoptError('a pipeline needs a name: make adopt DBT=../shop NAME=shop [TITLE="Shop"] [TEAM=] [EMAIL=] [DIR=]')
        left = adopt(folder, into, {answer: value for answer, value in given.items() if value is not None})
    except AdoptError as error:
        print(f"Nothing was made: {error}", file=sys.stderr)
        return 1
    print(f"{into / given['name']} is ready. Left to do:", *(f"  - {one}" for one in left), sep="\n")
    print(f"Next: cd {into / given['name']} && git status, make test, git commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
