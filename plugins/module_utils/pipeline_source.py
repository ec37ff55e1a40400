# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's repository on the control side: its manifest, the files that are deployed and the id that they have."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

MANIFEST = "pipeline.yml"
ID_LENGTH = 12
LONGEST_USER = 32  # characters of a Linux user's name
# Of whoever runs a play from a git hook: they would lead git away from the folder.
ELSEWHERE = {"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}


class SourceError(Exception):
    """One sentence that says what is wrong with the repository and what to do."""


def read_manifest(folder: Path, schema: dict) -> dict:
    """The manifest, checked against ``schema`` and with its defaults. Raises SourceError that names every fault."""
    import jsonschema
    import yaml

    path = folder / MANIFEST
    if not folder.is_dir():
        raise SourceError(f"there is no folder {folder}: mend `path` in the list `pipelines`")
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{folder} has no {MANIFEST}, so it is no pipeline: make one from cookiecutter-pipeline") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    faults = [
        f"{'.'.join(map(str, fault.absolute_path)) or 'the manifest'}: {fault.message}"
        for fault in sorted(jsonschema.Draft202012Validator(schema).iter_errors(manifest), key=lambda f: list(f.absolute_path))
    ]
    # A regular expression's `$` lets a line break at the end pass.
    if not faults and manifest["name"] != manifest["name"].strip():
        faults.append("name: it ends with a line break")
    if faults:
        raise SourceError(f"{path}: {'; '.join(faults)}")
    return {key: value["default"] for key, value in schema["properties"].items() if "default" in value} | manifest


def user_of(name: str) -> str:
    """The Linux user that a pipeline runs as; a name too long for one is cut and kept apart by a sum."""
    user = f"pl-{name}"
    return user if len(user) <= LONGEST_USER else f"{user[: LONGEST_USER - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def files_of(folder: Path, *, within: tuple[Path, ...] = ()) -> dict[str, Path]:
    """Path in the release -> file, of all that git does not ignore. A link may lead to whatever else that is in the repository.

    ``within`` are the folders whose links led here. Raises SourceError.
    """
    folder = folder.resolve()
    within = (*within, folder)
    top = _top(folder)
    found: dict[str, Path] = {}
    for name in _list(folder):
        path = folder / name
        if not os.path.lexists(path):
            continue
        target = path.resolve()
        if not target.is_relative_to(top):
            raise SourceError(f"{path} is a link that leads out of its repository, to {target}: replace it by what it stands for")
        if target in within:
            raise SourceError(f"{path} is a link to {target}, which it lies in: remove it, or a release would have no end")
        inside = target.relative_to(top)
        # Keys lie beside the code, where git ignores them.
        if target != path and (".git" in inside.parts or (target.is_file() and str(inside) not in _list(top))):
            raise SourceError(f"{path} is a link to {target}, which git ignores: remove it, or replace it by what it stands for")
        if target.is_dir():
            found |= {f"{name.rstrip('/')}/{inner}": file for inner, file in files_of(target, within=within).items()}
        elif not target.is_file():
            raise SourceError(f"{path} is a link to nothing: remove it, or mend it")
        else:
            found[name] = target
    return dict(sorted(found.items()))


def release_id(files: dict[str, Path]) -> str:
    """The same for the same content under the same names, wherever the repository lies."""
    return _id((name, *_read(path)) for name, path in files.items())


def pack(files: dict[str, Path], target: Path) -> str:
    """Write ``files`` as a plain tar. Returns the id of what is in it, whatever happens to the files meanwhile."""
    with tarfile.open(target, "w") as out:

        def packed() -> Iterator[tuple[str, bytes, bool]]:
            for name, path in files.items():
                data, executable = _read(path)
                member = tarfile.TarInfo(f"./{name}")
                member.size, member.mode = len(data), 0o755 if executable else 0o644
                out.addfile(member, io.BytesIO(data))
                yield name, data, executable

        return _id(packed())


def conflicts(manifests: list[dict]) -> list[str]:
    """Sentences about pipelines that can't live beside each other."""
    names = [manifest["name"] for manifest in manifests]
    twice = sorted({n for n in names if names.count(n) > 1})
    faults = [f"two pipelines are called {name}: rename one, they would share schemas, keys and user" for name in twice]
    # In whatever catalogs: those of both formats are the same in the metastore.
    owners: dict[str, set[str]] = {}
    for manifest in manifests:
        for schema in manifest["schemas"]:
            owners.setdefault(f"{manifest['name']}_{schema}", set()).add(manifest["name"])
    return faults + [
        f"the pipelines {' and '.join(sorted(those))} would both have the schema {schema}: rename one, or its schema"
        for schema, those in sorted(owners.items())
        if len(those) > 1
    ]


def _read(path: Path) -> tuple[bytes, bool]:
    """Content of a file, and whether it is executable."""
    try:
        with path.open("rb") as handle:
            return handle.read(), bool(os.fstat(handle.fileno()).st_mode & 0o111)
    except FileNotFoundError:
        raise SourceError(f"{path} went away while it was read: deploy again") from None


def _id(files: Iterable[tuple[str, bytes, bool]]) -> str:
    digest = hashlib.sha256()
    for name, data, executable in files:
        digest.update(json.dumps([name, executable, hashlib.sha256(data).hexdigest()]).encode())
    return digest.hexdigest()[:ID_LENGTH]


def _top(folder: Path) -> Path:
    """The repository's top, which has its .git, whatever its own configuration says of that. Raises SourceError."""
    said = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    top = next((parent for parent in (folder, *folder.parents) if os.path.lexists(parent / ".git")), None)
    if top != said:
        raise SourceError(
            f"git takes {said} for the repository of {folder}, but that is {top}: remove core.worktree from its .git/config"
        )
    return top


def _list(folder: Path) -> list[str]:
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.split("\0") if name]


def _git(folder: Path, *arguments: str) -> str:
    """What git says. Nothing that the repository names is run, and one of another user is not read at all."""
    options = ["core.fsmonitor=false", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit", "core.quotePath=false"]
    environment = {key: value for key, value in os.environ.items() if key not in ELSEWHERE}
    # It fetches nothing either: that could run a command, too.
    environment |= {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "--no-pager", *(word for option in options for word in ("-c", option)), "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine: a pipeline is what git has of its folder") from None
    if foreign := re.search(r"dubious ownership in repository at '(.*)'", done.stderr):
        raise SourceError(
            f"{foreign[1]} belongs to another user, who would decide what is deployed: deploy it as that user, take it over with "
            f"`chown -R`, or, if you trust that user, run `git config --global --add safe.directory {foreign[1]}`"
        )
    if done.returncode:
        reason = re.sub(r"^fatal: ", "", done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else "no reason given"
        raise SourceError(f"git can't list {folder} ({reason}): a pipeline is a git repository, run `git init` there")
    return done.stdout
