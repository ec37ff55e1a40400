# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A commit of a git repository as a folder on the control side, fetched once and kept."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from .pipeline_fault import SourceError, one_line
from .pipeline_git import SECONDS, GitError, GitTimeout, git, running
from .pipeline_list import Commit, shown
from .pipeline_source import check_name, exports, files_of

KEPT = 5  # commits of an address
IN_USE = 86400  # seconds within which a play may still read a commit that it asked for
LARGEST = 1 << 30  # bytes of all files of a commit
POINTER = b"version https://git-lfs.github.com/spec/"
# What is not the mirror's fault, by git's and ssh's own words, and what to do. `git ls-remote` shows what the play would meet.
REASONS = (
    (
        r"Authentication failed|could not read (Username|Password)|Permission denied|URL returned error: 40[13]|Access denied",
        "it wants to know who asks: give this user an ssh key or a git credential helper that it knows, "
        "and try `git ls-remote {address}`",
    ),
    (
        r"Host key verification failed",
        "ssh does not know its host key: connect to it once by hand, and compare the key with what its owner says",
    ),
    (
        r"Could not resolve|Name or service not known|Temporary failure in name resolution|unable to look up",
        "there is no host of that name: mend the address, or this machine's network",
    ),
    (
        r"Connection (refused|timed out|reset)|No route to host|is unreachable|(Failed|Could not|Couldn't) connect|error: 5\d\d",
        "it does not answer: mend the address, or see to the server, and try `git ls-remote {address}`",
    ),
    (
        r"couldn't find remote ref|not our ref|nonexistent object",
        "it has no {kind} {ref}: name one that was pushed, and try `git ls-remote {address}`",
    ),
    (
        r"does not appear to be a git repository|repository '.*' not found|repository .* does not exist|Repository not found",
        "there is no git repository: mend the address, or give this user the right to see it",
    ),
)


class Unreachable(SourceError):
    """It is the address's fault, or the network's; another mirror would not help."""


def fetch(wanted: Commit, network: bool = True) -> tuple[str, Path]:
    """A commit's id and its files as a folder, which has no .git.

    Without ``network`` what was fetched last is looked at. Raises SourceError that does not name the address.
    """
    place = exports() / hashlib.sha256(wanted.address.encode()).hexdigest()[:16]
    with contextlib.suppress(FileNotFoundError):
        if wanted.kind == "commit":
            os.utime(place / wanted.ref)
            return wanted.ref, place / wanted.ref
    mirror = place.with_name(f"{place.name}.git")
    with _alone(place):
        try:
            return _fetched(wanted, mirror, place, network)
        except GitError as error:
            if not network:
                raise SourceError("it was not fetched yet") from error
        # A kill or a full disk may have left something that git can't go on with. What can't be removed, or was not there, git
        # says itself when it makes the mirror anew.
        shutil.rmtree(mirror, ignore_errors=True)
        try:
            return _fetched(wanted, mirror, place, network)
        except GitError as error:
            raise SourceError(f"git can't fetch it ({error}): try `git ls-remote {shown(wanted.address)}`") from None


def _fetched(wanted: Commit, mirror: Path, place: Path, network: bool) -> tuple[str, Path]:
    own = f"refs/wanted/{hashlib.sha256(f'{wanted.kind} {wanted.ref}'.encode()).hexdigest()[:16]}"
    if network:
        if not (mirror / "HEAD").is_file():
            git("init", "--quiet", "--bare", "--template=", str(mirror))
        _update(wanted, mirror, own)
    commit = git(f"--git-dir={mirror}", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{own}^{{commit}}").strip()
    folder = place / commit
    if not folder.is_dir():
        _export(mirror, commit, folder)
    os.utime(folder)
    _tidy(place)
    return commit, folder


def _update(wanted: Commit, mirror: Path, own: str) -> None:
    """Bring the one wanted state into the mirror, without what was before it."""
    remote = {"branch": f"refs/heads/{wanted.ref}", "tag": f"refs/tags/{wanted.ref}", "commit": wanted.ref}[wanted.kind]
    command = [f"--git-dir={mirror}", "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
    try:
        try:
            git(*command, "--depth=1", "--", wanted.address, f"+{remote}:{own}", network=True)
        except GitError as error:
            if wanted.kind != "commit" or "unadvertised object" not in error.said:
                raise
            # An old server: it gives what its branches and tags lead to, and what is before that.
            all_refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            git(*command, "--prune", "--depth=2147483647", "--", wanted.address, *all_refs, network=True)
            git(f"--git-dir={mirror}", "update-ref", own, wanted.ref)
    except GitTimeout:
        raise Unreachable(
            f"it does not answer within {SECONDS} s: see to the server, and try `git ls-remote {shown(wanted.address)}`"
        ) from None
    except GitError as error:
        for words, what in REASONS:
            if re.search(words, error.said):
                reason = what.format(address=shown(wanted.address), kind=wanted.kind, ref=wanted.ref)
                raise Unreachable(reason) from None
        raise _without_credentials(error, wanted.address) from None


def _without_credentials(error: GitError, address: str) -> GitError:
    """The same error, whose text has the address as it may be shown."""
    said = error.said.replace(address, shown(address))
    for secret in re.split(r"[:@]", address.partition("://")[2].rpartition("@")[0]):
        for text in (secret, unquote(secret)):
            said = said.replace(text, "***") if text and text not in shown(address) else said
    return GitError(said)


def _export(mirror: Path, commit: str, folder: Path) -> None:
    """Write the files of a commit, exactly as they are in it: no attribute, filter or hook has a say. All or nothing."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.parent.glob(".new-*"):
        shutil.rmtree(left)
    files = list(_files(mirror, commit))
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        with tempfile.TemporaryFile() as ids:
            ids.write(b"".join(f"{object_id}\n".encode() for _mode, object_id, _name in files))
            ids.seek(0)
            with running(f"--git-dir={mirror}", "cat-file", "--batch", lines=ids) as out:
                contents = [(mode, name, _write(out, mode, new / name)) for mode, _id, name in files]
        # Last: no file is written through one of them.
        for mode, name, target in contents:
            if mode == "120000":
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                os.symlink(os.fsdecode(target), new / name)
        # Links are held against the rules of every pipeline's folder.
        files_of(new)
        os.rename(new, folder)
    except SourceError as error:
        if isinstance(error, GitError):
            raise
        raise SourceError(str(error).replace(f"{new}/", "")) from None
    except (OSError, ValueError) as error:
        raise SourceError(
            f"its files can't be written to {folder.parent}: {one_line(str(error)).replace(f'{new}/', '')}"
        ) from None
    finally:
        # Gone where the export stands under its own name by now; what stays is removed before the next export.
        shutil.rmtree(new, ignore_errors=True)


def _files(mirror: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Mode, id and name of each file and link. Raises SourceError for what can't be a file of a release."""
    size = 0
    for line in git(f"--git-dir={mirror}", "ls-tree", "-r", "-l", "-z", "--full-tree", commit).split("\0"):
        if not line:
            continue
        facts, name = line.split("\t", 1)
        mode, _kind, object_id, length = facts.split()
        check_name(name)
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/")):
            raise SourceError(f"the file {name!a} has a name that no checkout could have: rename it")
        if mode == "160000":
            raise SourceError(f"{name} is a submodule, which is not fetched: put its files into the repository")
        size += int(length)
        if size > LARGEST:
            raise SourceError(
                f"its files are larger than {LARGEST >> 30} GB: a pipeline's repository holds code, data belongs elsewhere"
            )
        yield mode, object_id, name


def _write(out: IO[bytes], mode: str, path: Path) -> bytes:
    """The next of the contents that git gives: a link's is returned, a file's written."""
    header = out.readline().split()
    if len(header) != 3:
        raise GitError("fatal: an object is missing")
    content = out.read(int(header[2]))
    out.read(1)
    if mode == "120000":
        return content
    if content.startswith(POINTER):
        raise SourceError(f"{path} is kept in git LFS, which is not fetched: put the file itself into the repository")
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if mode == "100755" else 0o644)
    with os.fdopen(opened, "wb") as handle:
        handle.write(content)
    return b""


def _tidy(place: Path) -> None:
    """Remove commits that nobody asked for lately, but the last few."""
    kept = sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[KEPT:]:
        if path.stat().st_mtime < time.time() - IN_USE:
            shutil.rmtree(path)


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Two plays at once fetch an address one after the other."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = place.with_name(f".{place.name}.lock").open("w")
    except OSError as error:
        raise SourceError(
            f"the cache {place.parent} can't be written ({error.strerror}): name another folder as FDP_CACHE"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
