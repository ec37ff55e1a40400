# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Checks of the answers, each as soon as it is given. A bad one ends in one line, and nothing was written yet."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

SHARED = Path(__file__).resolve().parent.parent / "pipelines" / "shared"

# Trino's reserved words, and those of the SQL standard that people run into elsewhere.
SQL_WORDS = frozenset(
    """
    all alter and any array as asc between both by case cast check collate column constraint create cross cube current
    current_catalog current_date current_path current_role current_schema current_time current_timestamp current_user database
    deallocate default delete desc describe distinct drop else end escape except execute exists extract false fetch for
    foreign from full function grant group grouping having if in index inner insert intersect interval into is join json_array
    json_exists json_object json_query json_table json_value lateral leading left like limit listagg localtime localtimestamp
    natural normalize not null offset on only or order outer overlaps prepare primary procedure recursive references returning
    revoke right rollup row rows schema select session_user set skip some table then to trailing trigger trim true truncate
    uescape union unique unnest update user using values view when where window with
    """.split()
)
# Taken by a Python package, a dbt package, a folder of the repository or a data base's own schemas.
TAKEN = frozenset(
    """
    config dagster dagster_dbt data dbt delta docs duckdb hive iceberg information_schema jinja main memory notebooks
    orchestration pipeline_shared pipelines platform postgresql public scripts shared system temp test tests tpch trino
    """.split()
)


class Answers(Extension):
    """The filters that cookiecutter.json asks for."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(pipeline_name=pipeline_name, one_line=one_line, email=email, cron=cron, yes_no=yes_no)
        # For the hook, which runs in the new folder: a template named by a relative path can't be found from there.
        environment.globals["shared"] = str(SHARED)


def pipeline_name(name: str) -> str:
    """A name that is a Linux user, a schema, a Python module and a folder at the same time."""
    if not (SHARED / "VERSION").is_file():
        _refuse(f"{SHARED} is missing: use the template inside its own repository, it copies that folder into each pipeline")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,47}", name):
        _refuse(
            f"{_shown(name)} can't be a pipeline's name: 2 to 48 lower case letters, digits and _, a letter first, "
            "such as sales_orders"
        )
    if name in SQL_WORDS or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        _refuse(
            f"{name} can't be a pipeline's name: it is a reserved word of SQL or Python; say what is in it, such as {name}_orders"
        )
    if name in TAKEN:
        _refuse(f"{name} can't be a pipeline's name: something else is called that; say what is in it, such as {name}_orders")
    return name


def one_line(text: str, what: str) -> str:
    """Text that may stand in Markdown, YAML and a docstring as it is."""
    if not 1 <= len(text) <= 80 or not text.isprintable() or text != text.strip() or re.search(r'["\\{}<>`]', text):
        _refuse(f"{_shown(text)} can't be the {what}: 1 to 80 characters on one line, none of them \" \\ {{ }} < > `")
    return text


def email(address: str) -> str:
    """An address, roughly."""
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_|~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", address):
        _refuse(f"{_shown(address)} is no e-mail address, such as data@example.org")
    return address


def cron(schedule: str) -> str:
    """Five fields, each with numbers that its place allows. Names of days and months may stand in the last two."""
    ranges = [("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7)]
    fields = schedule.split(" ")
    if len(fields) != len(ranges):
        _refuse(
            f'{_shown(schedule)} is no cron schedule: five fields with one space between, such as "0 6 * * *" for six every day'
        )
    for field, (unit, low, high) in zip(fields, ranges, strict=True):
        for part in field.split(","):
            match = re.fullmatch(r"(\*|([0-9]+)(-([0-9]+))?)(/([1-9][0-9]*))?", part)
            named = unit in ("month", "weekday") and re.fullmatch(r"[A-Za-z]{3}(-[A-Za-z]{3})?", part)
            numbers = [int(number) for number in match.group(2, 4) if number] if match else []
            if not (match or named) or any(not low <= number <= high for number in numbers) or numbers != sorted(numbers):
                _refuse(f"{_shown(schedule)} is no cron schedule: {part!r} is no {unit} ({low} to {high})")
    return schedule


def yes_no(answer: bool | str, what: str) -> str:
    """ "yes", or nothing. On the command line an answer is text, and `streaming=no` would be as good as a yes."""
    said = str(answer).lower()
    if said not in ("yes", "y", "true", "no", "n", "false"):
        _refuse(f"{_shown(str(answer))} can't be the answer to {what}: yes or no")
    return "yes" if said in ("yes", "y", "true") else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _refuse(reason: str) -> None:
    # cookiecutter prints the text of this one as it is, and ends; any other would show as a traceback.
    raise FailedHookException(reason)
