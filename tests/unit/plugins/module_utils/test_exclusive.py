# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""exclusive: one at a time, and nobody who may only read the folder keeps others out."""

import fcntl
import os
import stat

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.exclusive import exclusive


def test_who_may_read_the_folder_holds_up_nobody(tmp_path):
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    folder = tmp_path / "sales"
    with exclusive(str(folder)):
        [lock] = tmp_path.glob(".*")
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        other = os.open(folder, os.O_RDONLY)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(os.open(lock, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / ".sales.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), exclusive(str(tmp_path / "sales")):
        pass
    assert not (tmp_path / "elsewhere").exists()
