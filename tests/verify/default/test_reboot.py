"""The whole platform comes back by itself: after a reboot, and whatever the order in which its units start."""

import subprocess

import pytest

# Against the order of their needs.
UNITS = [
    "pipeline-porter",
    "dagster-daemon",
    "dagster-webserver",
    "trino",
    "hive-metastore",
    "minio",
    "postgresql@15-main",
]
READY = "/usr/local/lib/foss-data-platform/ready --timeout 120"
PROBES = [
    "postgresql 127.0.0.1 5432",
    "http http://127.0.0.1:9010/minio/health/cluster",
    "hive 127.0.0.1 9083",
    "trino https://127.0.0.1:8443 /etc/certificates/ca.pem",
    "http http://127.0.0.1:3000/server_info",
    "dagster-daemon http://127.0.0.1:3000/graphql",
    "socket /run/pipeline-porter/stavanger_parking.sock",
]


def assert_all_answer(host) -> None:
    """Every unit is active, and what it serves answers now."""
    for unit in UNITS:
        # Waits for a start that is under way, and for its readiness probe.
        host.check_output("systemctl start %s", unit)
        assert host.check_output("systemctl is-active %s", unit) == "active"
    for probe in PROBES:
        host.check_output(f"set -a && . /etc/trino/trino.env && {READY} {probe}")


@pytest.fixture
def reboot(standin, root, play_environment):
    """Restart the stand-in VPS; its systemd boots anew."""

    def run() -> None:
        for command in (
            ["docker", "restart", (root / ".sandbox" / standin / "container").read_text().strip()],
            # Its address may be another one now.
            ["ansible-playbook", "infrastructure/standin/create.yml"],
        ):
            done = subprocess.run(command, cwd=root, env=play_environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_units_start_in_any_order(host):
    host.check_output("systemctl stop " + " ".join(UNITS))
    for unit in UNITS:
        host.check_output("systemctl start --no-block %s", unit)
    assert_all_answer(host)


def test_everything_comes_back_after_a_reboot(host, reboot):
    before = host.check_output(
        "cat /proc/sys/kernel/random/boot_id; systemctl show --value --property=UserspaceTimestampMonotonic"
    )
    rules = host.check_output("nft --stateless list table inet foss_data_platform")
    reboot()
    assert host.check_output("systemctl is-system-running --wait") == "running"
    after = host.check_output(
        "cat /proc/sys/kernel/random/boot_id; systemctl show --value --property=UserspaceTimestampMonotonic"
    )
    assert before != after
    begun = "systemctl show --value --property=ActiveEnterTimestampMonotonic %s"
    closed = int(host.check_output(begun, "foss-data-platform-firewall"))
    for unit in UNITS:
        assert host.check_output("systemctl is-active %s", unit) == "active", "a unit is not started at boot"
        assert 0 < closed < int(host.check_output(begun, unit)), f"{unit} is there before the firewall"
    assert host.check_output("nft --stateless list table inet foss_data_platform") == rules
    assert_all_answer(host)
