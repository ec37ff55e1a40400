# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's folder on the control side, its own or a commit's: the files that are deployed and the id that they have."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .artifacts import cache_dir
from .pipeline_fault import SourceError
from .pipeline_git import GitError, git

ID_LENGTH = 12
MOST_FILES = 50_000
MOST_FOLDERS = 1_000  # that links lead to; a few that lead to each other stand for more than there is memory


def exports() -> Path:
    """Where commits are kept as folders: ``ADDRESS/COMMIT``, the first a sum."""
    return (cache_dir() / "pipelines").resolve()


def commit_of(folder: Path) -> str:
    """The commit that a folder is an export of; empty for any other folder."""
    top = _export(folder.resolve())
    return top.name if top == folder.resolve() else ""


def files_of(folder: Path, *, within: tuple[Path, ...] = (), followed: Iterator[int] | None = None) -> dict[str, Path]:
    """Path in the release -> file, of all that git does not ignore. A link may lead to whatever else that is in the repository.

    ``within`` are the folders whose links led here, ``followed`` counts all that links led to. Raises SourceError.
    """
    folder = folder.resolve()
    followed = followed or itertools.count()
    if next(followed) > MOST_FOLDERS:
        raise SourceError(
            f"the links in {within[0]} lead to more than {MOST_FOLDERS} folders: replace them by what they stand for"
        )
    within = (*within, folder)
    top = _top(folder)
    found: dict[str, Path] = {}
    for name in _list(folder):
        check_name(name)
        path = folder / name
        if not os.path.lexists(path):
            continue
        try:
            target = path.resolve()
        except RuntimeError:
            raise SourceError(f"{path} is a link to nothing, it leads back to itself: remove it, or mend it") from None
        if not target.is_relative_to(top):
            raise SourceError(f"{path} is a link that leads out of its repository, to {target}: replace it by what it stands for")
        if target in within:
            raise SourceError(f"{path} is a link to {target}, which it lies in: remove it, or a release would have no end")
        inside = target.relative_to(top)
        # Keys lie beside the code, where git ignores them.
        if target != path and (".git" in inside.parts or (target.is_file() and str(inside) not in _list(top))):
            raise SourceError(f"{path} is a link to {target}, which git ignores: remove it, or replace it by what it stands for")
        if target.is_dir():
            found |= {
                f"{name.rstrip('/')}/{inner}": file for inner, file in files_of(target, within=within, followed=followed).items()
            }
        elif not target.is_file():
            raise SourceError(f"{path} is a link to nothing: remove it, or mend it")
        else:
            found[name] = target
        if len(found) > MOST_FILES:
            raise SourceError(
                f"{folder} has more than {MOST_FILES} files: a pipeline's repository holds code, data belongs elsewhere"
            )
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


def check_name(name: str) -> None:
    """Raise SourceError for a file's name that not every program on the way to the host takes as it is."""
    if any(ord(c) < 32 or ord(c) == 127 or "\ud800" <= c <= "\udfff" for c in name):
        raise SourceError(f"the file {name!a} has a name that is not printable UTF-8: rename it")


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


def _export(folder: Path) -> Path | None:
    """The exported commit that a folder lies in. git knows nothing of it; all of its files count."""
    if not folder.is_relative_to(exports()):
        return None
    inside = folder.relative_to(exports()).parts[:2]
    return exports().joinpath(*inside) if len(inside) == 2 else None


def _top(folder: Path) -> Path:
    """The repository's top, which has its .git, whatever its own configuration says of that. Raises SourceError."""
    if exported := _export(folder):
        return exported
    said = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    top = next((parent for parent in (folder, *folder.parents) if os.path.lexists(parent / ".git")), None)
    if top != said:
        raise SourceError(
            f"git takes {said} for the repository of {folder}, but that is {top}: remove core.worktree from its .git/config"
        )
    return top


def _list(folder: Path) -> list[str]:
    """Names of the files and links that count, from ``folder`` on."""
    if _export(folder):
        return list(_walk(folder))
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.split("\0") if name]


def _walk(folder: Path, prefix: str = "") -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"


def _git(folder: Path, *arguments: str) -> str:
    try:
        return git("-C", str(folder), *arguments)
    except GitError as error:
        raise SourceError(f"git can't list {folder} ({error}): a pipeline is a git repository, run `git init` there") from None
