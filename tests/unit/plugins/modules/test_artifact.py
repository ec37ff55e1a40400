# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""artifact on the host: a version is there whole or not at all, and `current` is switched to it last."""

import contextlib
import hashlib
import os
import stat
import tarfile
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.modules import artifact


@pytest.fixture
def bundle(tmp_path):
    """Makes what the control side ships: a tar with one file."""

    def make(text: str) -> str:
        (tmp_path / "payload").write_text(text)
        path = tmp_path / f"{text}.tar"
        with tarfile.open(path, "w") as out:
            out.add(tmp_path / "payload", "./bin/tool")
        return str(path)

    return make


@pytest.fixture
def opt(tmp_path) -> Path:
    return tmp_path / "opt" / "tool"


@pytest.fixture
def install(module, bundle, opt):
    """Runs the module for a version whose file says ``text``."""

    def run(version: str, text: str | None = None, **options) -> dict:
        text = text or f"v{version}"
        shipped = {"bundle": bundle(text)} if options.pop("ship", True) else {}
        return module(
            artifact.main, name="tool", dest=str(opt), version=version, fingerprint=f"sum of {text}", **shipped, **options
        )

    return run


def versions(opt: Path) -> list[str]:
    return sorted(os.listdir(opt)) if opt.exists() else []


def test_first_install(install, opt):
    done = install("1")
    assert (done["changed"], done["path"], done["previous"]) == (True, str(opt / "1"), "")
    assert (opt / "current" / "bin" / "tool").read_text() == "v1"
    assert os.readlink(opt / "current") == "1"
    assert versions(opt) == ["1", "current"]


def test_roots_umask_closes_no_folder(install, opt, strict_umask):
    """Neither those that are made for it nor those that the tar only implies."""
    install("1")
    folders = [opt.parent, opt, opt / "1", opt / "1" / "bin"]
    assert [f"{path.stat().st_mode & 0o7777:04o}" for path in folders] == ["0755"] * 4


def test_nothing_to_do(install, opt):
    install("1")
    again = install("1", ship=False)
    assert not again["changed"]
    assert "missing" not in again


def test_what_is_missing_is_asked_for_and_nothing_is_touched(install, opt, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a.whl").touch()
    asked = install("1", ship=False, wheels=str(wheels))
    assert asked["missing"]
    assert asked["wheels"] == ["a.whl"]
    assert versions(opt) == []


def test_only_one_at_a_time_works_there(install, opt, monkeypatch):
    """What a killed play left unpacking would remove what the next one unpacks, as the rest of an interrupted play."""
    asked = []
    monkeypatch.setattr(artifact, "exclusive", lambda path: asked.append(path) or contextlib.nullcontext())
    install("1", check=True)
    install("1", ship=False)
    assert asked == []
    install("1")
    assert asked == [str(opt)]


def test_check_mode_says_so_and_touches_nothing(install, opt):
    predicted = install("1", check=True)
    assert predicted["changed"]
    assert predicted["diff"] == {"before": f"{opt}: absent\n", "after": f"{opt}: 1\n"}
    assert versions(opt) == []


def test_upgrade_keeps_one_version_to_go_back_to(install, opt):
    for version in ("1", "2", "3"):
        done = install(version)
    assert done["previous"] == "2"
    assert versions(opt) == ["2", "3", "current"]
    assert (opt / "current" / "bin" / "tool").read_text() == "v3"


def test_going_back_is_one_switch_with_nothing_shipped(install, opt):
    install("1")
    install("2")
    back = install("1", ship=False)
    assert back["changed"]
    assert "missing" not in back
    assert os.readlink(opt / "current") == "1"
    assert versions(opt) == ["1", "2", "current"]


def test_without_switch_versions_live_side_by_side(install, opt):
    for version in ("1", "2", "3"):
        install(version, switch=False)
    assert versions(opt) == ["1", "2", "3"]


def test_other_bytes_of_the_same_version_take_its_place(install, opt):
    install("1", "old")
    assert install("1", "new")["changed"]
    assert (opt / "current" / "bin" / "tool").read_text() == "new"
    assert versions(opt) == ["1", "current"]


def test_a_folder_without_its_marker_is_no_install(install, opt):
    """An older layout, or a person's own: replaced, never taken for whole."""
    (opt / "1").mkdir(parents=True)
    assert install("1", ship=False)["missing"]
    install("1")
    assert (opt / "1" / "bin" / "tool").read_text() == "v1"


def test_what_an_interrupted_play_left_is_removed(install, opt):
    (opt / ".2.x7").mkdir(parents=True)
    (opt / "current.partial").symlink_to("nowhere")
    install("1")
    assert versions(opt) == ["1", "current"]


def test_a_broken_bundle_leaves_the_host_as_it_was(install, module, opt, tmp_path):
    install("1")
    (tmp_path / "broken.tar").write_bytes(b"no tar at all")
    failed = module(artifact.main, name="tool", dest=str(opt), version="2", fingerprint="f", bundle=str(tmp_path / "broken.tar"))
    assert failed["failed"]
    assert versions(opt) == ["1", "current"]
    assert (opt / "current" / "bin" / "tool").read_text() == "v1"


@pytest.mark.parametrize("at", [1, 2])
def test_a_disk_that_fails_at_a_rename_leaves_the_host_as_it_was(install, opt, monkeypatch, at):
    """The same version with other bytes is the hard case: the old one has to step aside first."""
    install("1", "old")
    really, count = os.rename, 0

    def rename(source, target):
        nonlocal count
        count += 1
        if count == at:
            raise OSError(28, "No space left on device")
        really(source, target)

    monkeypatch.setattr(os, "rename", rename)
    failed = install("1", "new")
    assert "was not installed and the host is as before" in failed["msg"]
    assert "No space left" in failed["msg"]
    assert versions(opt) == ["1", "current"]
    assert (opt / "current" / "bin" / "tool").read_text() == "old"


# -- environments


@pytest.fixture
def environment(module, tmp_path):
    """Runs the module for an environment, with a stand-in for uv that notes what it was asked."""
    uv = tmp_path / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$UV_OFFLINE $*" >> {tmp_path}/asked\n'
        f"[ ! -e {tmp_path}/fails ] || [ \"$1\" = venv ] || {{ echo 'no wheel of alpha' >&2; exit 1; }}\n"
        'for last; do :; done\n[ "$1" != venv ] || { mkdir -p "$last/bin"; install -m 666 /dev/null "$last/.lock"; }\n'
    )
    uv.chmod(0o755)
    (tmp_path / "requirements.txt").write_text(f"alpha==1 --hash=sha256:{hashlib.sha256(b'wheel').hexdigest()}\n")

    def run(version: str = "1", *needed: str, ship: tuple[str, ...] | None = None, **options) -> dict:
        needed = needed or ("alpha-1-py3-none-any.whl",)
        with tarfile.open(tmp_path / "env.tar", "w") as out:
            out.add(tmp_path / "requirements.txt", "./requirements.txt")
            for name in needed if ship is None else ship:
                (tmp_path / name).write_text("wheel")
                out.add(tmp_path / name, f"./wheels/{name}")
        where = {"dest": options.pop("dest", str(tmp_path / "env")), "wheels": str(tmp_path / "cache" / "wheels"), "uv": str(uv)}
        shipped = {"kind": "python", "needed": list(needed), "bundle": str(tmp_path / "env.tar")}
        return module(artifact.main, version=version, fingerprint=f"sum of {version}", **where, **shipped, **options)

    return run


@pytest.fixture
def cached(tmp_path):
    """Names of the wheels on the host."""
    return lambda: sorted(os.listdir(tmp_path / "cache" / "wheels"))


def test_an_environment_is_built_offline_from_shipped_wheels_with_their_hashes(environment, tmp_path):
    assert environment()["changed"]
    made, filled = (tmp_path / "asked").read_text().splitlines()
    assert made.startswith("1 venv")
    assert "--relocatable" in made
    assert all(option in filled for option in ("--no-index", "--require-hashes", "--no-deps", "--compile-bytecode"))
    assert (tmp_path / "cache" / "wheels" / "alpha-1-py3-none-any.whl").read_text() == "wheel"
    assert (tmp_path / "env" / "current" / "bin").is_dir()
    # Nobody but root holds up the next one.
    assert stat.S_IMODE((tmp_path / "env" / "current" / ".lock").stat().st_mode) == 0o600


def test_an_environment_that_can_not_be_built_leaves_nothing_but_the_wheels(environment, tmp_path):
    (tmp_path / "fails").touch()
    failed = environment()
    assert "the host is as before: the environment could not be built: no wheel of alpha" in failed["msg"]
    assert os.listdir(tmp_path / "env") == []
    # So the next try ships nothing twice.
    assert (tmp_path / "cache" / "wheels" / "alpha-1-py3-none-any.whl").exists()
    assert sorted(os.listdir(tmp_path / "cache")) == [".wheels.lock", "wheels"]


A1, A2, BETA = "alpha-1-py3-none-any.whl", "alpha-2-py3-none-any.whl", "beta-1-py3-none-any.whl"


def test_wheels_that_no_environment_was_built_from_go_with_what_uv_made_of_them(environment, cached, tmp_path):
    environment("1", A1, BETA)
    environment("2", A2, BETA)
    # The version before stays, to go back to; with the third the first is gone.
    assert cached() == [A1, A2, BETA]
    environment("3", A2)
    assert cached() == [A2, BETA]
    environment("4", A2)
    assert cached() == [A2]
    asked = [line for line in (tmp_path / "asked").read_text().splitlines() if " cache clean " in line]
    assert asked == ["1 cache clean --quiet alpha", "1 cache clean --quiet beta"]


def test_wheels_of_another_folder_of_environments_stay(environment, cached, tmp_path):
    environment("1", A1, dest=str(tmp_path / "other"))
    environment("1", BETA)
    environment("2", BETA)
    assert cached() == [A1, BETA]


def test_a_wheel_that_another_play_removed_meanwhile_is_asked_for_again(environment, cached, tmp_path):
    """The host said that it had both, and one was shipped."""
    environment("1", A1)
    asked = environment("2", A1, BETA, ship=())
    assert asked["missing"]
    assert asked["wheels"] == [A1]
    assert sorted(os.listdir(tmp_path / "env")) == ["1", "current"]
    assert environment("2", A1, BETA, ship=(BETA,))["changed"]
    assert cached() == [A1, BETA]


def test_a_wheel_that_was_damaged_on_the_host_is_asked_for_again(environment, cached, tmp_path):
    """Otherwise no environment that needs it could be built on this host any more."""
    environment("1", A1, BETA)
    (tmp_path / "cache" / "wheels" / A1).write_text("whe")
    (tmp_path / "fails").touch()
    asked = environment("2", A1, BETA, ship=())
    assert asked["missing"]
    assert asked["wheels"] == [BETA]
    (tmp_path / "fails").unlink()
    assert environment("2", A1, BETA, ship=(A1,))["changed"]
    assert (tmp_path / "cache" / "wheels" / A1).read_text() == "wheel"


def test_an_environment_that_is_handed_out_stays_for_a_day(environment, tmp_path):
    environment(switch=False)
    marker = tmp_path / "env" / "1" / ".artifact"
    os.utime(marker, (0, 0))
    assert not environment(switch=False, check=True)["changed"]
    assert marker.stat().st_mtime == 0
    assert not environment(switch=False)["changed"]
    assert marker.stat().st_mtime > 0
