# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's manifest: read, held against its JSON Schema and against what no schema can say, and against the others'."""

from __future__ import annotations

import difflib
import functools
import re
import zoneinfo
from collections import defaultdict
from pathlib import Path

from . import pipeline_cron
from .pipeline_fault import SourceError, one_line
from .pipeline_user import user_of
from .pipeline_yaml import read_yaml

MANIFEST = "pipeline.yml"
NAME = re.compile(r"[a-z][a-z0-9_]{1,47}")
LONGEST_NAME = 48


def read_manifest(folder: Path, schema: dict) -> dict:
    """The manifest, checked against ``schema`` and with its defaults. Raises SourceError that names every fault."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise SourceError(f"there is no folder {folder}: mend `path` in the list `pipelines`")
    try:
        manifest = read_yaml(path)
    except FileNotFoundError:
        raise SourceError(f"{folder} has no {MANIFEST}, so it is no pipeline: make one from cookiecutter-pipeline") from None
    name = manifest.get("name") if isinstance(manifest, dict) else None
    faults = {}
    for fault in sorted(_validator(schema).iter_errors(manifest), key=lambda f: list(map(str, f.absolute_path))):
        faults.setdefault(".".join(map(str, fault.absolute_path)) or "the manifest", []).append(one_line(fault.message))
    if isinstance(name, str) and not NAME.fullmatch(name):
        faults["name"] = [name_fault(name)]
    broken = {where.split(".")[0] for where in faults}
    for key, check in {"schedule": pipeline_cron.fault_of, "timezone": timezone_fault, "settings": unfit_settings}.items():
        if isinstance(manifest, dict) and key in manifest and key not in broken and (fault := check(manifest[key])):
            faults[key] = [fault]
    if faults:
        said = "; ".join(f"{where}: {fault}" for where, those in faults.items() for fault in those)
        raise SourceError(f"{path}: {said}", name if isinstance(name, str) and "name" not in faults else "")
    return {key: value["default"] for key, value in schema["properties"].items() if "default" in value} | manifest


def name_fault(name: str) -> str:
    """Why a text can't be a pipeline's name, and what could; empty if it can."""
    if NAME.fullmatch(name):
        return ""
    better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST_NAME]
    such_as = better if NAME.fullmatch(better) else "sales_orders"
    long = f" (it has {len(name)})" if len(name) > LONGEST_NAME else ""
    return (
        f"{one_line(ascii(name))} can't be a pipeline's name: 2 to {LONGEST_NAME} characters{long}, "
        f"lower case letters, digits and _, a letter first, such as {such_as}"
    )


def timezone_fault(name: str) -> str:
    """Why a time zone is none; empty if it is one of the tz data base."""
    if name in _zones():
        return ""
    near = {zone.lower(): zone for zone in _zones()}
    meant = next((near[zone] for zone in difflib.get_close_matches(name.lower(), near, 1)), "Europe/Oslo")
    return f"{name!r} is not in the tz data base: name one that is, such as {meant}"


def settings_fault(settings: object, schema: dict) -> str:
    """What is wrong with settings that a site gives; empty if nothing is. The rules are those of the manifest's ``settings``."""
    found = _validator(schema["properties"]["settings"]).iter_errors(settings)
    faults = [": ".join([*map(str, fault.absolute_path), one_line(fault.message)]) for fault in found]
    return "; ".join(sorted(faults)) or unfit_settings(settings)


def unfit_settings(settings: dict) -> str:
    """What no schema says of settings: that they have to fit on one line of a unit's environment file."""
    unfit = [name for name, value in settings.items() if re.search(r"[\0\r\n]", str(value))]
    return f"the value of {' and of '.join(unfit)} has a line break, which no environment variable may have" if unfit else ""


def conflicts(pipelines: list[dict]) -> list[str]:
    """For each of ``pipelines`` (``name``, ``source``, ``manifest``), why it can't live beside the others; empty if it can.

    Each of those that are in each other's way has the fault: which one was there first is not known here.
    """
    named, having, running = defaultdict(list), defaultdict(list), defaultdict(list)
    for number, pipeline in enumerate(pipelines):
        named[pipeline["name"]].append(number)
        running[user_of(pipeline["name"])].append(number)
        # In whatever catalogs: those of both formats are the same in the metastore.
        for schema in pipeline["manifest"].get("schemas", []):
            having[f"{pipeline['name']}_{schema}"].append(number)
    faults = [[] for pipeline in pipelines]
    for name, those in named.items():
        if len(those) > 1:
            sources = " and ".join(pipelines[number]["source"] for number in those)
            for number in those:
                faults[number].append(
                    f"{len(those)} pipelines are called {name} ({sources}): rename one, they would share schemas, keys and user"
                )
    # Of long names the users differ in a sum alone, and two with the same one can be found.
    shared = [(those, f"have the schema {schema}: rename one, or its schema") for schema, those in having.items()]
    shared += [(those, f"be the user {user}: rename one") for user, those in running.items()]
    for those, what in shared:
        owners = {pipelines[number]["name"]: pipelines[number]["source"] for number in those}
        if len(owners) > 1:
            said = " and ".join(f"{name} ({source})" for name, source in owners.items())
            for number in those:
                faults[number].append(f"the pipelines {said} would both {what}")
    return ["; ".join(those) for those in faults]


def _validator(schema: dict):
    """A validator by whose patterns a text may not end with a line break, which Python's `$` would let pass."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(validator, wanted, instance, _schema):
        if validator.is_type(instance, "string") and not re.search(re.sub(r"\$$", r"\\Z", wanted), instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    return validators.extend(Draft202012Validator, {"pattern": pattern})(schema)


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
