"""A blank host of 4 GB: its first deploy is killed twice and run again; without Delta Lake it carries a pipeline."""

import re

import pytest

UNITS = ["postgresql@15-main", "minio", "trino", "dagster-webserver", "dagster-daemon"]


@pytest.fixture(scope="module")
def delta_pipeline(from_template, tmp_path_factory):
    """One that the host can't have."""
    with from_template(tmp_path_factory.mktemp("delta"), "verify_delta", format="delta") as made:
        yield made


def test_a_first_deploy_interrupted(host, play, killed_at, clean):
    """While the largest artifact arrives, and while the service that starts longest starts."""
    assert not host.file("/opt/trino").exists, "this host is not blank: destroy and create it first"
    arriving = killed_at("Install Trino", "site.yml", when=lambda: host.run("ls -d /opt/trino/.[0-9]*").rc == 0)
    assert arriving.returncode < 0
    starting = killed_at("Run Trino", "site.yml", when=lambda: host.run("systemctl is-active trino").stdout == "activating\n")
    assert starting.returncode < 0
    done = play("site.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    # What was half unpacked is gone.
    assert host.check_output("ls -A /opt/trino").split() == ["476", "current"]
    clean("site.yml")


def test_there_is_no_delta_lake(host, trino):
    assert host.run("systemctl cat hive-metastore").rc != 0
    assert not host.file("/opt/hive_metastore").exists
    assert trino("SHOW CATALOGS") == [["iceberg"], ["postgresql"], ["system"], ["tpch"]]


def test_all_ceilings_fit_into_the_memory(host):
    shown = host.check_output("systemctl show --value --property=MemoryMax " + " ".join(UNITS))
    ceilings = [int(line) for line in shown.split()]
    assert len(ceilings) == len(UNITS)
    # The pipelines' is in their slice, which comes with the first of them.
    assert sum(ceilings) // 2**20 + 1024 <= 4096


def test_a_pipeline_of_iceberg_runs(host, play, clean):
    for playbook in ("infrastructure/standin/feed.yml", "playbooks/pipelines.yml"):
        done = play(playbook)
        assert done.returncode == 0, done.stdout + done.stderr
    shown = play("playbooks/show.yml")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert re.search(r"Pipeline stavanger_parking: run .* SUCCESS", shown.stdout), shown.stdout
    clean("playbooks/pipelines.yml")
    assert host.run("systemctl is-failed pipeline@stavanger_parking").rc != 0


def test_a_pipeline_of_delta_is_refused(host, play, delta_pipeline):
    done = play(*delta_pipeline.play)
    assert done.returncode
    [_at_once, error] = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
    assert f"Pipeline {delta_pipeline.name} was not deployed: it wants format delta (this site has iceberg)" in error
    assert "changed=0" in done.stdout
    assert not host.file(delta_pipeline.home).exists
    # And the one that there is stays the only one.
    assert host.check_output("ls /run/pipeline-porter") == "stavanger_parking.sock"
