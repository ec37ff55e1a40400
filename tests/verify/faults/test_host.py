"""A host that can't carry the platform is told so before anything is changed, each fault with what to do."""

import json

import pytest

PORT = 18099
STRANGER = "verify-stranger"
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nVERSION_ID="24.04"\n'


@pytest.fixture
def other_system(host):
    """The host says that it is another system."""
    host.check_output("mv /etc/os-release /etc/os-release.real")
    host.check_output("printf %%s %s > /etc/os-release", UBUNTU)
    yield
    host.check_output("mv --force /etc/os-release.real /etc/os-release")


@pytest.fixture
def stranger(host):
    """Somebody else's service listens on a port."""
    serve = f"/usr/bin/python3 -m http.server --bind 127.0.0.1 {PORT}"
    host.check_output(f"systemd-run --quiet --collect --unit={STRANGER} {serve}")
    host.check_output(f"/usr/local/lib/foss-data-platform/ready --timeout 60 http http://127.0.0.1:{PORT}/")
    yield
    host.check_output("systemctl stop %s", STRANGER)


def test_not_debian_12(refusal, other_system):
    error = refusal("site.yml")
    assert "This host is not ready; nothing was changed. (1) this host runs Ubuntu 24.04 LTS" in error
    assert "made for Debian 12: install that, or take the host out of the inventory" in error


def test_too_little_memory(refusal):
    error = refusal("site.yml", "-e", "base_memory_mb=999999")
    assert "MiB of memory and its services need 999999: give it more" in error


def test_disk_nearly_full(refusal):
    error = refusal("site.yml", "-e", "base_disk_free_mb=1000000000")
    assert "/opt has" in error
    assert "/var/lib has" in error
    assert "MiB free and needs 100000000: free space or enlarge the disk" in error


def test_port_taken(refusal, stranger):
    ports = json.dumps({"base_ports": [{"port": PORT, "unit": "trino"}]})
    error = refusal("site.yml", "-e", ports)
    assert f"port {PORT} is wanted for trino but {STRANGER}.service (process " in error
    assert "stop that, or choose another port" in error


def test_all_faults_at_once(refusal):
    error = refusal("site.yml", "-e", "base_memory_mb=999999", "-e", "base_disk_free_mb=1000000000")
    assert [f"({n})" in error for n in (1, 2, 3)] == [True] * 3


def test_a_pipeline_is_not_deployed_there(refusal):
    assert "This host is not ready" in refusal("playbooks/pipelines.yml", "-e", "base_memory_mb=999999")
