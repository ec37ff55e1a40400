"""Check mode on a deployed host: it predicts what happens, and nothing where nothing is to do."""

import pytest


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/pipelines.yml"])
def test_nothing_to_do(figures, playbook):
    assert {name: role["changed"] for name, role in figures("check", playbook, "--check").items() if role["changed"]} == {}


@pytest.mark.parametrize(
    ("playbook", "drift", "changed"),
    [
        # No running service reads these, so none is restarted for them.
        (
            "site.yml",
            "sed -i '$a # by hand' /etc/postgresql-common/createcluster.conf /usr/local/lib/foss-data-platform/ready",
            {"base": ["Install the readiness probes"], "postgresql": ["Say how the cluster is made"]},
        ),
        (
            "playbooks/pipelines.yml",
            "chmod 0755 /etc/pipelines/stavanger_parking",
            {"pipeline": ["Provide its user and its folders", "Run its code server with it"]},
        ),
    ],
)
def test_what_somebody_changed_by_hand_is_predicted(host, figures, playbook, drift, changed):
    host.check_output(drift)
    predicted, real = figures("check", playbook, "--check"), figures("real", playbook)
    assert {name: role["changed"] for name, role in real.items() if role["changed"]} == changed
    assert {name: role["changed"] for name, role in predicted.items() if role["changed"]} == changed


def test_a_change_is_predicted(host, play, figures, minio_memory, invocation):
    change = ["site.yml", "--tags", "minio", "-e", f"minio_memory_mb={minio_memory + 8}"]
    units = ["postgresql@15-main", "minio", "hive-metastore", "trino", "dagster-webserver", "dagster-daemon"]
    before = [invocation(unit) for unit in units]
    try:
        predicted = figures("check", *change, "--check")
        assert [invocation(unit) for unit in units] == before
        assert int(host.check_output("systemctl show --value --property=MemoryMax minio")) // 2**20 == minio_memory
        real = figures("real", *change)
        assert {n: r["changed"] for n, r in predicted.items()} == {n: r["changed"] for n, r in real.items()}
        assert real["minio"]["changed"] == ["Configure MinIO", "Run MinIO"]
        # Nothing but this service was touched.
        assert [unit for unit, old in zip(units, before, strict=True) if invocation(unit) != old] == ["minio"]
        assert [name for name, role in real.items() if role["changed"]] == ["minio"]
    finally:
        assert play("site.yml", "--tags", "minio").returncode == 0
