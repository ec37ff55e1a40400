# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_current: a release that has proven itself, the way back to it, and what goes when there are too many."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.releases import in_use, to_remove
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord
from ansible_collections.foss_data.platform.plugins.modules import pipeline_current, service


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "sales" / "releases").mkdir(parents=True)
    return tmp_path / "sales"


@pytest.fixture
def started(tmp_path, monkeypatch) -> StartedRecord:
    monkeypatch.setattr(pipeline_current, "StartedRecord", functools.partial(StartedRecord, directory=str(tmp_path / "started")))
    return StartedRecord("pipeline@sales", str(tmp_path / "started"))


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """What the service runs with: its environment, which is secret, and its unit."""
    return [tmp_path / "env", tmp_path / "unit"]


@pytest.fixture
def current(module, home, files, started, tmp_path):
    options = {"path": str(home), "service": "pipeline@sales", "records": str(tmp_path / "proven")}
    return functools.partial(module, pipeline_current.main, files=[str(f) for f in files], **options)


@pytest.fixture
def deploy(home, files, current, tmp_path):
    """A release is there, its service runs with it, and it has proven itself unless told otherwise."""

    def run(release: str, proves: bool = True, environment: str = "one", **options) -> dict:
        folder = Path(options.get("path", home)) / "releases" / release
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".ready").touch()
        if not (folder / ".environment").is_symlink():
            (folder / ".environment").symlink_to(tmp_path / "envs" / environment)
        # Two in one tick of the clock would have no order.
        run.clock += 1
        os.utime(folder, (run.clock, run.clock))
        for file in files:
            file.write_text(f"{file.name} of {release}")
        files[0].chmod(0o600)
        given = [{"fingerprint": release, "changed": True}]
        return current(release=release, inputs=given, **options) if proves else {}

    run.clock = 0
    return run


def releases(home: Path) -> list[str]:
    return sorted(os.listdir(home / "releases"))


# -- a release that has proven itself


def test_first_release(deploy, home, tmp_path):
    done = deploy("aaa")
    assert (done["changed"], done["release"], done["removed"]) == (True, "aaa", [])
    assert done["diff"] == {"before": f"{home}: none\n", "after": f"{home}: aaa\n"}
    assert os.readlink(home / "current") == "releases/aaa"
    assert (tmp_path / "proven" / "aaa.json").stat().st_mode & 0o777 == 0o600


def test_nothing_to_do(deploy):
    deploy("aaa")
    assert not deploy("aaa")["changed"]


def test_what_an_interrupted_play_left(deploy, home):
    (home / "current.partial").symlink_to("releases/aaa")
    deploy("aaa")
    assert sorted(os.listdir(home)) == ["current", "releases"]


def test_check_mode_predicts_and_does_nothing(deploy, home, tmp_path):
    assert deploy("aaa", check=True)["changed"]
    assert sorted(os.listdir(home)) == ["releases"]
    assert not (tmp_path / "proven").exists()


def test_secrets_are_not_told(deploy):
    assert "env of aaa" not in str(deploy("aaa"))


# -- the way back


def test_the_files_are_as_they_were(deploy, current, files, started):
    deploy("aaa")
    deploy("bbb", proves=False)
    files[0].chmod(0o644)
    started.write("what bbb was started with")
    back = current(state="before")
    assert (back["changed"], back["release"], back["restored"]) == (True, "aaa", [str(file) for file in files])
    assert [file.read_text() for file in files] == ["env of aaa", "unit of aaa"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert "env of" not in str(back)
    assert started.read() is None


def test_what_others_may_read_of_it_is_told(deploy, current, files, home):
    """As its manifest has it; what the release masks that is left stays masked."""
    manifest = {"name": "sales", "schemas": ["marts"], "publishes": ["marts"]}
    for release, tags in (("aaa", []), ("bbb", ["pii"])):
        column = {"name": "mail", "tags": tags, "meta": {"mask": "hash"} if tags else {}}
        table = {"resource_type": "model", "config": {}, "schema": "sales_marts", "alias": "people"}
        columns = {"mail": column} if tags else {}
        target = home / "releases" / release / "dbt" / "target"
        target.mkdir(parents=True)
        (target / "manifest.json").write_text(json.dumps({"nodes": {"m": table | {"columns": columns}}, "sources": {}}))
        deploy(release, proves=False)
        files[1].write_text(json.dumps({"manifest": manifest | {"title": release}}))
        if release == "aaa":
            current(release=release, inputs=[])
    told = current(state="before", manifest=str(files[1]))
    assert told["manifest"]["title"] == "aaa"
    assert told["masks"] == {"marts": {"people": {"mail": "hash"}}}
    (home / "releases" / "aaa" / "dbt" / "target" / "manifest.json").unlink()
    # It runs again all the same, and nobody else reads of it what can't be known.
    files[0].write_text("of another release\n")
    told = current(state="before", manifest=str(files[1]))
    assert (told["restored"], told["masks"]) == ([str(files[0])], {})
    assert "what others may see of the release aaa is not known" in str(told["warnings"][0])


def test_its_service_counts_as_started_with_what_it_was(deploy, current):
    """So the next deploy of the same does not restart it."""
    deploy("aaa")
    deploy("bbb", proves=False)
    [given] = current(state="before")["inputs"]
    assert given["changed"]
    assert service.fingerprint([given]) == service.fingerprint([{"fingerprint": "aaa"}])


def test_a_setting_of_the_same_release(deploy, current, files):
    deploy("aaa")
    files[0].write_text("a setting that it can't live with")
    assert current(state="before")["changed"]
    assert files[0].read_text() == "env of aaa"


def test_a_setting_that_it_does_live_with(deploy, current, files):
    deploy("aaa")
    files[0].write_text("another setting")
    current(release="aaa", inputs=[{"fingerprint": "another"}])
    files[0].write_text("one more")
    current(state="before")
    assert files[0].read_text() == "another setting"


def test_nothing_stays_where_there_was_none_before(deploy, current, files, started):
    deploy("aaa", proves=False)
    files[0].unlink()
    started.write("what aaa was started with")
    assert current(state="before", check=True)["restored"] == [str(files[1])]
    back = current(state="before", release="aaa")
    assert (back["changed"], back["release"], back["inputs"], back["restored"]) == (True, "", [], [str(files[1])])
    assert not files[1].exists()
    assert started.read() is None
    assert not current(state="before", release="aaa")["changed"]


def test_what_is_in_service_stays_when_nothing_is_known_of_it(deploy, current, files, tmp_path):
    deploy("aaa")
    (tmp_path / "proven" / "aaa.json").unlink()
    assert not current(state="before")["changed"]
    assert files[1].read_text() == "unit of aaa"


def test_a_file_that_the_release_before_did_not_have_goes(deploy, current, files):
    deploy("aaa")
    files[0].unlink()
    current(release="aaa", inputs=[])
    files[0].write_text("of bbb")
    assert current(state="before")["restored"] == [str(files[0])]
    assert not files[0].exists()


def test_it_was_never_left(deploy, current, started):
    deploy("aaa")
    started.write("what it was started with")
    back = current(state="before")
    assert (back["changed"], back["release"]) == (False, "aaa")
    assert started.read() is not None


def test_check_mode_puts_nothing_back(deploy, current, files):
    deploy("aaa")
    deploy("bbb", proves=False)
    assert current(state="before", check=True)["changed"]
    assert files[1].read_text() == "unit of bbb"


# -- an earlier one


@pytest.fixture
def earlier(current, monkeypatch, tmp_path):
    """Goes back to the release before, or the one given, whose service runs with it; says which."""
    for name in ("one", "two"):
        (tmp_path / "envs" / name).mkdir(parents=True)

    def run(**options) -> dict:
        put = current(state="earlier", **options)
        if not put.get("failed"):
            current(release=put["release"], inputs=put["inputs"], rollback=True)
        return put

    return run


def test_going_back_twice_goes_further_back(deploy, earlier, files, home):
    for release in ("aaa", "bbb", "ccc"):
        deploy(release)
    assert earlier()["release"] == "bbb"
    assert files[0].read_text() == "env of bbb"
    assert files[0].stat().st_mode & 0o777 == 0o600
    again = earlier()
    assert (again["release"], again["previous"]) == ("aaa", "bbb")
    assert os.readlink(home / "current") == "releases/aaa"
    refused = earlier()
    assert refused["msg"].startswith("sales has no earlier release on the host than aaa: nothing was changed.")
    assert files[0].read_text() == "env of aaa"


def test_a_deploy_after_it_is_the_last_one_again(deploy, earlier):
    for release in ("aaa", "bbb", "ccc"):
        deploy(release)
    earlier()
    deploy("ccc")
    assert earlier()["release"] == "bbb"
    # The oldest content, deployed anew, is what was deployed last.
    deploy("aaa")
    assert earlier()["release"] == "ccc"


def test_one_that_is_asked_for(deploy, earlier):
    for release in ("aaa", "bbb", "ccc"):
        deploy(release)
    assert earlier(release="aaa")["release"] == "aaa"
    assert earlier(release="ccc")["release"] == "ccc"
    assert earlier(release="ddd")["msg"] == "sales has no release ddd that it could go back to; it has bbb, aaa"


@pytest.mark.parametrize("lost", ["releases/bbb/.ready", "../envs/two"])
def test_one_that_could_not_run_is_passed_over(deploy, earlier, home, lost):
    deploy("aaa")
    deploy("bbb", environment="two")
    deploy("ccc")
    path = home / lost
    path.rmdir() if path.is_dir() else path.unlink()
    assert earlier()["release"] == "aaa"


def test_one_that_never_proved_itself_is_passed_over(deploy, earlier):
    deploy("aaa")
    deploy("bbb", proves=False)
    deploy("ccc")
    assert earlier()["release"] == "aaa"


def test_it_predicts_the_way_back(deploy, current, earlier, files):
    deploy("aaa")
    deploy("bbb")
    put = current(state="earlier", check=True)
    assert (put["changed"], put["release"]) == (True, "aaa")
    assert files[1].read_text() == "unit of bbb"


def test_what_is_kept_of_a_release_goes_with_it(deploy, tmp_path):
    for number in range(4):
        deploy(f"r{number}", keep=2)
    assert sorted(os.listdir(tmp_path / "proven")) == ["r2.json", "r3.json"]


# -- two deploys at a time


@pytest.fixture
def unit(files, home):
    """Writes a unit that names a release."""
    return lambda release: files[1].write_text(f"ExecStart=x --working-directory {home}/releases/{release} --lazy\n")


def test_what_another_deploy_took_over_is_not_switched_to(deploy, current, unit, home):
    deploy("aaa")
    deploy("bbb", proves=False)
    unit("ccc")
    refused = current(release="bbb", inputs=[])
    assert refused["msg"].startswith("another deploy of sales took it over: it runs the release ccc now")
    assert refused["taken_over"] == "ccc"
    assert os.readlink(home / "current") == "releases/aaa"


def test_nor_is_anything_put_back_into_it(deploy, current, unit, files, started):
    deploy("aaa")
    unit("ccc")
    started.write("what ccc was started with")
    back = current(state="before", release="bbb")
    assert (back["changed"], back["restored"], back["taken_over"]) == (False, [], "ccc")
    assert "releases/ccc" in files[1].read_text()
    assert started.read() is not None


def test_ones_own_files_are_put_back(deploy, current, unit, files):
    deploy("aaa")
    unit("bbb")
    assert current(state="before", release="bbb")["restored"] == [str(files[1])]


# -- too many


def test_old_releases_go(deploy, home):
    removed = [deploy(f"r{number}", keep=3)["removed"] for number in range(5)]
    assert removed == [[], [], [], [str(home / "releases" / "r0")], [str(home / "releases" / "r1")]]
    assert releases(home) == ["r2", "r3", "r4"]


def test_the_one_before_stays_however_old_it_is(deploy, home):
    """It is what runs until the new one does, and what is gone back to."""
    for number in range(3):
        deploy(f"r{number}")
    deploy("r0")
    os.utime(home / "releases" / "r0", (0, 0))
    assert deploy("new", keep=2)["removed"] == [str(home / "releases" / name) for name in ("r2", "r1")]
    assert releases(home) == ["new", "r0"]


def test_one_that_a_process_runs_with_stays(deploy, home):
    deploy("old")
    environment = {"PYTHONPATH": f"{home}/releases/old:{home}/releases/old/shared"}
    wait = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(wait, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert in_use(str(home)) == {"old"}
        for number in range(3):
            deploy(f"r{number}", keep=2)
        assert releases(home) == ["old", "r1", "r2"]
        process.stdin.close()
    assert in_use(str(home)) == set()
    deploy("r3", keep=2)
    assert releases(home) == ["r2", "r3"]


def test_one_that_a_command_line_names_is_in_use(home):
    wait = [sys.executable, "-c", "print(flush=True); input()", f"--working-directory={home}/releases/aaa"]
    with subprocess.Popen(wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert in_use(str(home)) == {"aaa"}
        process.stdin.close()


def test_which_are_too_many():
    made = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert to_remove(made, {"a"}, 2) == ["b"]
    assert to_remove(made, {"a", "b"}, 1) == ["c"]
    assert to_remove(made, {"c"}, 5) == []
    assert to_remove(made, {"c", "gone"}, 2) == ["a"]


# -- environments


@pytest.fixture
def environments(tmp_path):
    """Makes environments, all handed out long ago; says which there are."""
    folder = tmp_path / "envs"

    def make(*names: str) -> list[str]:
        for name in names:
            (folder / name).mkdir(parents=True)
            (folder / name / ".artifact").touch()
            os.utime(folder / name / ".artifact", (0, 0))
        return sorted(os.listdir(folder))

    return make


@pytest.fixture
def tidy(deploy, tmp_path):
    """A deploy after which environments that no release needs go."""
    return functools.partial(deploy, environments=str(tmp_path / "envs"))


def test_environments_that_no_release_needs_are_removed(tidy, environments, home, tmp_path):
    environments("one", "two", "three", "none")
    tidy("aaa", environment="one", keep=2)
    assert environments() == ["one"]
    environments("two", "three")
    tidy("bbb", environment="two", keep=2)
    # The release before stays, and with it what it runs in.
    assert environments() == ["one", "two"]
    environments("three")
    done = tidy("ccc", environment="three", keep=2)
    assert environments() == ["three", "two"]
    assert done["removed"] == [str(home / "releases" / "aaa"), str(tmp_path / "envs" / "one")]
    assert tidy("bbb", keep=2)["removed"] == []


def test_those_of_other_pipelines_stay(tidy, environments, tmp_path):
    environments("one", "two")
    tidy("aaa", environment="one", path=str(tmp_path / "stock"))
    environments("two")
    tidy("bbb", environment="two")
    assert environments() == ["one", "two"]


def test_one_that_was_just_handed_out_stays(tidy, environments, tmp_path):
    """Another deploy has it, and has not come to its release yet."""
    environments("one", "two", "old")
    os.utime(tmp_path / "envs" / "two" / ".artifact")
    tidy("aaa")
    assert environments() == ["one", "two"]


def test_none_is_removed_while_a_release_does_not_say_which_it_needs(tidy, environments, home):
    environments("one")
    tidy("aaa")
    environments("two", "three")
    (home / "releases" / "aaa" / ".environment").unlink()
    assert tidy("bbb", environment="two")["removed"] == []
    assert environments() == ["one", "three", "two"]
    # It says so when it is deployed again.
    tidy("aaa")
    assert environments() == ["one", "two"]


@pytest.mark.parametrize("options", [{"check": True}, {"proves": False}], ids=["check", "not proven"])
def test_nothing_is_removed_by_a_deploy_that_was_none(tidy, environments, options):
    environments("one", "two")
    tidy("aaa", **options)
    assert environments() == ["one", "two"]


def test_what_an_interrupted_build_left_is_removed_after_a_day(tidy, environments, tmp_path):
    environments("one")
    for name, when in ((".two.x7", 0), (".two.x8", None)):
        (tmp_path / "envs" / name).mkdir()
        os.utime(tmp_path / "envs" / name, None if when is None else (when, when))
    tidy("aaa")
    assert environments() == [".two.x8", "one"]
