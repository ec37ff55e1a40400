"""A play killed at several points and run again: the end is the same, and it is reached."""

import json


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


def test_pipeline(host, play, killed_at, clean, parking):
    """While its release is made ready: what goes on preparing on the host does not get into the way of the next play."""
    (parking.folder / "docs").mkdir(exist_ok=True)
    (parking.folder / "docs" / "interrupted.md").write_text("A change.\n")
    assert killed_at("Install the release beside the running one", *parking.play).returncode < 0
    again = play(*parking.play)
    assert again.returncode == 0, again.stdout + again.stderr
    release = host.check_output("readlink %s/current", parking.home).rpartition("/")[2]
    assert release == parking.release()
    assert f"/{release} " in host.check_output("systemctl show --value --property=ExecStart pipeline@%s", parking.name)
    assert json.loads(host.check_output("systemctl list-units --failed --output=json")) == []
    clean(*parking.play)
