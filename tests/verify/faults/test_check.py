"""Check mode on a deployed host: it predicts what happens, and nothing where nothing is to do."""

import pytest


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/pipelines.yml"])
def test_nothing_to_do(figures, playbook):
    assert {name: role["changed"] for name, role in figures("check", playbook, "--check").items() if role["changed"]} == {}


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
