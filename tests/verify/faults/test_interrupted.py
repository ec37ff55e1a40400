"""A play killed at several points and run again: the end is the same, and it is reached. So it is with two plays at a time."""

import json
import shutil

import pytest
from ansible_collections.foss_data.platform.tests.deployed import Repository


def test_platform(host, play, killed_at, clean, invocation, minio_memory):
    """Before the files, between files and restart, and after the restart."""
    limit = minio_memory
    try:
        for task in ("Install MinIO", "Run MinIO", "Provide the policies"):
            limit += 8
            change = ["site.yml", "--tags", "minio", "-e", f"minio_memory_mb={limit}"]
            before = invocation("minio")
            assert killed_at(task, *change).returncode < 0
            again = play(*change)
            assert again.returncode == 0, again.stdout + again.stderr
            assert invocation("minio") != before
            assert int(host.check_output("systemctl show --value --property=MemoryMax minio")) // 2**20 == limit
            clean(*change)
    finally:
        assert play("site.yml", "--tags", "minio").returncode == 0


@pytest.mark.parametrize(
    "task",
    # While its release is made ready: what goes on preparing on the host does not get into the way of the next play. Between its
    # service's files and the restart, and between that and the switch.
    [
        "Install the release beside the running one",
        "Run the code servers of all with it",
        "Make the releases of all the current ones",
    ],
)
def test_pipeline(host, play, killed_at, clean, parking, task):
    change(parking, task)
    assert killed_at(task, *parking.play).returncode < 0
    again = play(*parking.play)
    assert again.returncode == 0, again.stdout + again.stderr
    release = host.check_output("readlink %s/current", parking.home).rpartition("/")[2]
    assert release == parking.release()
    assert f"/{release} " in host.check_output("systemctl show --value --property=ExecStart pipeline@%s", parking.name)
    assert json.loads(host.check_output("systemctl list-units --failed --output=json")) == []
    clean(*parking.play)


def change(repository: Repository, text: str) -> None:
    """Another release of it."""
    (repository.folder / "docs").mkdir(exist_ok=True)
    (repository.folder / "docs" / "changed.md").write_text(f"{text}\n")


def test_two_deploys_of_one_pipeline_at_a_time(host, play, play_until, clean, parking, tmp_path):
    """One of them is what runs, whole; the other is it, too, or says who took over."""
    other = Repository(shutil.copytree(parking.folder, tmp_path / "other"), parking.name)
    change(parking, "One person's change.")
    change(other, "Another's.")
    second = []
    first = play_until("Look which releases are there", lambda _play: second.append(play(*other.play)), *parking.play)
    for done in (first, *second):
        failed = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        assert bool(failed) == bool(done.returncode), done.stdout
        assert all(f"another deploy of {parking.name} took it over" in line for line in failed), failed
    assert 0 in (first.returncode, second[0].returncode)
    release = host.check_output("readlink %s/current", parking.home).rpartition("/")[2]
    assert f"/{release} " in host.check_output("systemctl show --value --property=ExecStart pipeline@%s", parking.name)
    [runs] = [repository for repository in (parking, other) if repository.release() == release]
    clean(*runs.play)


def test_deploys_of_two_pipelines_at_a_time(play, play_until, clean, parking, from_template, tmp_path):
    change(parking, "Beside another.")
    with from_template(tmp_path / "second", "verify_second") as second:
        beside = []
        done = play_until("Look which releases are there", lambda _play: beside.append(play(*second.play)), *parking.play)
        assert (done.returncode, beside[0].returncode) == (0, 0), done.stdout + beside[0].stdout
        for deployed in (parking, second):
            clean(*deployed.play)
