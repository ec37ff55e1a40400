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
from pathlib import Path

MANIFEST = "pipeline.yml"
ID_LENGTH = 12
LONGEST_USER = 32  # characters of a Linux user's name


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


def files_of(folder: Path) -> dict[str, Path]:
    """Path in the release -> file, of all that git does not ignore. A link may lead anywhere inside the same git repository.

    Raises SourceError.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    found: dict[str, Path] = {}
    for name in _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        path = folder / name
        if not name or not os.path.lexists(path):
            continue
        target = path.resolve()
        if not target.is_relative_to(top):
            raise SourceError(f"{path} is a link that leads out of its repository, to {target}: replace it by what it stands for")
        if target.is_dir():
            found |= {f"{name}/{inner}": file for inner, file in files_of(target).items()}
        elif target.is_file():
            found[name] = target
        else:
            raise SourceError(f"{path} is a link to nothing: remove it, or mend it")
    return dict(sorted(found.items()))


def release_id(files: dict[str, Path]) -> str:
    """The same for the same content under the same names, wherever the repository lies."""
    digest = hashlib.sha256()
    for name, path in files.items():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(json.dumps([name, bool(path.stat().st_mode & 0o111), content]).encode())
    return digest.hexdigest()[:ID_LENGTH]


def pack(files: dict[str, Path], target: Path) -> None:
    """Write ``files`` as a plain tar."""
    with tarfile.open(target, "w") as out:
        for name, path in files.items():
            data = path.read_bytes()
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(data), 0o755 if path.stat().st_mode & 0o111 else 0o644
            out.addfile(member, io.BytesIO(data))


def conflicts(names: list[str]) -> list[str]:
    """Sentences about names that can't live beside each other."""
    twice = sorted({n for n in names if names.count(n) > 1})
    return [f"two pipelines are called {name}: rename one, they would share schemas, keys and user" for name in twice]


def _git(folder: Path, *arguments: str) -> str:
    # Whoever owns the folder: nothing in it is run, files are only listed.
    command = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine: a pipeline is what git has of its folder") from None
    if done.returncode:
        reason = re.sub(r"^fatal: ", "", done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else "no reason given"
        raise SourceError(f"git can't list {folder} ({reason}): a pipeline is a git repository, run `git init` there")
    return done.stdout
