"""Role base: tools, readiness probes, the journal."""

import re

import pytest

READY = "/usr/local/lib/foss-data-platform/ready"
PYTHON = "/opt/tools/current/bin/python"


def test_libraries_of_the_modules_can_be_imported(host):
    assert host.run(f"{PYTHON} -c 'import jsonschema, minio, requests, trino, yaml'").rc == 0


def test_uv_runs(host):
    assert host.check_output("find -L /opt/uv/current -name uv -type f -perm -u+x -exec {} --version ';'").startswith("uv ")


def test_readiness_probe_waits_for_an_answer(host):
    assert host.run(f"{READY} --timeout 5 socket /run/systemd/journal/stdout").rc == 0
    silent = host.run(f"{READY} --timeout 1 http http://127.0.0.1:1/")
    assert silent.rc != 0
    assert "127.0.0.1" in silent.stderr


def test_journal_survives_a_reboot_and_is_bounded(host):
    assert host.file("/var/log/journal").is_directory
    host.check_output("journalctl --flush")
    assert host.check_output("journalctl --header --file '/var/log/journal/*/system.journal' | grep -c 'State: ONLINE'") != "0"


def test_the_journal_took_its_configuration(host):
    """A line that it does not know it ignores, and says so."""
    file = "/etc/systemd/journald.conf.d/foss-data-platform.conf"
    shown = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    most = re.search(rf"^# {file}$.*^SystemMaxUse=(\d+)M$", shown, re.MULTILINE | re.DOTALL).group(1)
    said = host.check_output("journalctl --unit=systemd-journald --output=cat")
    assert file not in said
    limits = re.findall(r"^System Journal \(.*\) is .*, max ([\d.]+)([MG]), ", said, re.MULTILINE)
    size, unit = limits[-1]
    assert float(size) * {"M": 1, "G": 1024}[unit] == pytest.approx(int(most), rel=0.06)
