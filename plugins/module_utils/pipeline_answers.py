# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Hand over what a release was recorded to answer to Dagster, from the pipeline's folder to the porter's."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import stat

RECORDED = ".answers"  # in a release, as the role pipeline_host records it
NAME = re.compile(r"[A-Za-z]+-[0-9a-f]{32}")
LARGEST = 4 << 20  # bytes; what the porter passes on as one message


def hand_over(release: str, state: str, name: str, code: str, owner: str) -> None:
    """Move ``release/.answers`` to ``state/name/code`` and give it to ``owner``. Raises RuntimeError for what is no answer.

    The pipeline's code wrote the one and the porter may write to the other, and this is root: no link is followed.
    """
    source = os.path.join(release, RECORDED)
    if os.path.islink(source) or not os.path.isdir(source):
        raise RuntimeError(f"its preparation recorded no folder {RECORDED}: something in it ended the process, a test perhaps")
    user = pwd.getpwnam(owner)
    with contextlib.ExitStack() as stack:

        def folder(path: str, within: int | None = None) -> int:
            at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
            stack.callback(os.close, at)
            return at

        def made(path: str, within: int) -> int:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700, dir_fd=within)
            at = folder(path, within)
            os.fchown(at, user.pw_uid, user.pw_gid)
            return at

        answers, pipeline = folder(source), made(name, folder(state))
        partial = f"{code}.partial"
        for left in (code, partial):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(left, dir_fd=pipeline)
        target = made(partial, pipeline)
        for answer in os.listdir(answers):
            with open(os.open(answer, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=answers), "rb") as given:
                found = os.fstat(given.fileno())
                if not NAME.fullmatch(answer) or not stat.S_ISREG(found.st_mode):
                    raise RuntimeError(f"{RECORDED}/{answer} is no recorded answer")
                if found.st_size > LARGEST:
                    raise RuntimeError(f"{RECORDED}/{answer} is larger than {LARGEST >> 20} MiB: the pipeline defines too much")
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                with open(os.open(answer, flags, 0o600, dir_fd=target), "wb") as taken:
                    shutil.copyfileobj(given, taken)
                    os.fchown(taken.fileno(), user.pw_uid, user.pw_gid)
        os.rename(partial, code, src_dir_fd=pipeline, dst_dir_fd=pipeline)
    shutil.rmtree(source)
