"""Role dagster: webserver and daemon work together on the storage in PostgreSQL."""

import json

ASK = """
import requests
print(requests.post("http://127.0.0.1:3000/graphql", json={"query": values["query"]}, timeout=30).text)
"""
PARTS = """
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    for part in (instance.run_storage, instance.run_coordinator, instance.compute_log_manager, instance.run_launcher):
        print(type(part).__name__)
"""


def test_daemons_are_alive(on_host):
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
    statuses = json.loads(on_host(ASK, query=query))["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    required = {s["daemonType"]: s["healthy"] for s in statuses if s["required"]}
    assert {"SCHEDULER", "QUEUED_RUN_COORDINATOR", "MONITORING"} <= set(required)
    assert all(required.values())


def test_state_is_in_postgresql(host):
    counted = host.check_output("runuser -u postgres -- psql --tuples-only --no-align -d dagster -c 'SELECT count(*) FROM runs'")
    assert counted.isdigit()
    assert host.run("find /var/lib/dagster /etc/dagster -name '*.db'").stdout == ""


def test_storage_was_migrated_once(host):
    assert host.check_output("ls /var/lib/dagster | grep -c migrated-to-") == "1"


def test_there_is_no_telemetry(host):
    assert "enabled: false" in host.check_output("sed -n '/^telemetry:/,$p' /etc/dagster/dagster.yaml")


def test_dagster_takes_its_configuration(host):
    """It refuses what it does not know in dagster.yaml, and makes each part when it is first asked for."""
    run = "systemd-run --quiet --pipe --wait --uid=dagster --property=EnvironmentFile=/etc/dagster/dagster.env"
    said = host.check_output(f"{run} --setenv=DAGSTER_HOME=/etc/dagster /opt/dagster/current/bin/python -c %s", PARTS)
    assert said.splitlines() == ["PostgresRunStorage", "QueuedRunCoordinator", "LocalComputeLogManager", "DefaultRunLauncher"]
