# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""git, run so that no repository and no address decides what else is run, and nobody is asked anything."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from .pipeline_fault import SourceError, one_line

SECONDS = 60  # that one command may take
MOST_BYTES = 32 << 20  # of what git lists; a few kilobytes of nested trees can be made to list without end
# No ext::, which runs whatever the address says.
PROTOCOLS = "file:git:http:https:ssh"
OPTIONS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.quotePath=false",
    "safe.bareRepository=explicit",
    # It would go on when the command has ended, and with it the lock.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
)
# Of whoever runs a play from a git hook: they would lead git away from the folder.
ELSEWHERE = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}


class GitError(SourceError):
    """git failed. ``said`` is the end of what it printed as its reason."""

    def __init__(self, said: str) -> None:
        lines = [line for line in said.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal: ", "error: "))] or lines or ["no reason given"]
        super().__init__(one_line(re.sub(r"^(fatal|error): ", "", told[-1])))
        self.said = said


class GitTimeout(SourceError):
    """git took longer than ``SECONDS``."""


def git(*arguments: str, network: bool = False) -> str:
    """What git prints; names of files that are no UTF-8 have surrogates in it. Raises GitError, GitTimeout or SourceError."""
    with running(*arguments, network=network) as out:
        content = out.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SourceError(f"git lists more than {MOST_BYTES >> 20} MB of names: a pipeline's repository holds code, not data")
    return os.fsdecode(content)


@contextmanager
def running(*arguments: str, network: bool = False, lines: IO[bytes] | int = subprocess.DEVNULL) -> Iterator[IO[bytes]]:
    """git's output while it runs, ``lines`` its input. Raises what ``git`` raises, at the end of the block."""
    options = [word for option in OPTIONS for word in ("-c", option)]
    # Not by us: whoever kills the play would let it go on for ever.
    command = ["timeout", "--kill-after=5", str(SECONDS), "git", "--no-pager", *options, *arguments]
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                env=_environment(network),
                stdin=lines,
                stdout=subprocess.PIPE,
                stderr=said,
                # Without a terminal nobody can be asked on it.
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SourceError("git is not installed on this machine: a pipeline is what git has of it") from None
        with process:
            yield process.stdout
        said.seek(max(0, said.seek(0, os.SEEK_END) - 8192))
        reason = said.read().decode(errors="replace")
    if process.returncode == 127:
        raise SourceError("git is not installed on this machine: a pipeline is what git has of it")
    if process.returncode in (124, 137):
        raise GitTimeout(f"git took more than {SECONDS} s and was stopped")
    if foreign := re.search(r"dubious ownership in repository at '(.*)'", reason):
        raise SourceError(
            f"{foreign[1]} belongs to another user, who would decide what is deployed: deploy it as that user, take it over with "
            f"`chown -R`, or, if you trust that user, run `git config --global --add safe.directory {foreign[1]}`"
        )
    if process.returncode:
        raise GitError(reason)


def _environment(network: bool) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key not in ELSEWHERE}
    environment |= {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS if network else "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    if network and "GIT_SSH" not in environment:
        environment["GIT_SSH_COMMAND"] = f"{environment.get('GIT_SSH_COMMAND') or _configured_ssh()} -o BatchMode=yes"
    return environment


def _configured_ssh() -> str:
    """The ssh that this user's git uses, which the variable would replace."""
    try:
        return git("config", "--global", "--get", "core.sshCommand").strip() or "ssh"
    except GitError:
        return "ssh"
