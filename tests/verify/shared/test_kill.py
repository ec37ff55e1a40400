"""A service killed with -9 comes back by itself, and proves that it answers."""

import json

import pytest

# Every unit of the platform that runs.
UNITS = {
    "postgresql@15-main",
    "minio",
    "hive-metastore",
    "trino",
    "dagster-webserver",
    "dagster-daemon",
    "pipeline-porter",
    "gateway",
    "gateway-door",
    "gateway-login",
    "gateway-sessions",
}


def running(host) -> list[str]:
    """Units of ours that run on this host."""
    listed = json.loads(host.check_output("systemctl list-units --type=service --state=active --output=json"))
    return sorted(UNITS & {unit["unit"].removesuffix(".service") for unit in listed})


def test_services_come_back_by_themselves(host):
    units = running(host)
    if not units:
        pytest.skip("this scenario has no service that runs")
    for unit in units:
        host.check_output("systemctl kill --signal=SIGKILL --kill-whom=main %s", unit)
    for unit in units:
        # `start` of a unit that is being restarted waits for it, and for its readiness probe.
        host.check_output("systemctl start %s", unit)
        state = host.check_output("systemctl show --value --property=ActiveState %s", unit)
        assert state == "active", f"{unit} is {state}"
