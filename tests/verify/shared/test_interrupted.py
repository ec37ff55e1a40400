"""A play killed between the configuration and the restart, and run again: the restart happens."""

import os
from collections.abc import Iterator

import pytest

# Service -> the task that restarts it, a variable that changes its unit, the unit.
SERVICES = {
    "postgresql": ("Run PostgreSQL", "postgresql_memory_mb", "postgresql@15-main"),
    "minio": ("Run MinIO", "minio_memory_mb", "minio"),
    "hive_metastore": ("Run the Hive Metastore", "hive_metastore_memory_mb", "hive-metastore"),
    "trino": ("Run Trino", "trino_memory_mb", "trino"),
    "dagster": ("Run Dagster", "dagster_daemon_memory_mb", "dagster-daemon"),
}


@pytest.fixture
def service() -> str:
    """The service that the scenario is about."""
    name = os.environ.get("MOLECULE_SCENARIO_NAME", "")
    if name not in SERVICES:
        pytest.skip(f"the scenario {name or '(none)'} is not about one service; those of the services run this")
    return name


@pytest.fixture
def as_before(play, service) -> Iterator[None]:
    """What the service was given stays with no test after this one: they would find its change to be undone."""
    yield
    done = play("site.yml", "--tags", service)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("as_before")
def test_restart_happens_later(host, play, killed_at, service):
    task, variable, unit = SERVICES[service]

    def invocation() -> str:
        return host.check_output("systemctl show --value --property=InvocationID %s", unit)

    limit = int(host.check_output("systemctl show --value --property=MemoryMax %s", unit)) // 2**20 + 8
    change = ["--tags", service, "-e", f"{variable}={limit}"]
    before = invocation()
    killed_at(task, "site.yml", *change)
    assert invocation() == before, "the play was killed too late to show anything"
    again = play("site.yml", *change)
    assert again.returncode == 0, again.stdout
    assert invocation() != before
    assert int(host.check_output("systemctl show --value --property=MemoryMax %s", unit)) // 2**20 == limit
