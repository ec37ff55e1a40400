"""A host that somebody has weakened is reported, each weakness by its check, and a sound one has no false alarm."""

import json
from pathlib import Path

import pytest
import yaml

PLANTED = yaml.safe_load((Path(__file__).parent / "planted.yml").read_text())
# What is true of a stand-in and no fault of the deployment: no backup is made yet, and what Debian has mended since it was made.
TRUE_ALL_THE_SAME = {"backups.age", "updates.pending"}
# Those that matter; all of them would only take longer.
PORTS = [8000, 9100]


@pytest.fixture(scope="module")
def audit(play, tmp_path_factory):
    """Audits the host; how the play ended, and the report."""

    def run():
        folder = tmp_path_factory.mktemp("audit")
        done = play("playbooks/audit.yml", "--extra-vars", json.dumps({"audit_folder": str(folder), "audit_ports": PORTS}))
        return done, json.loads((folder / "security-report.json").read_text())

    return run


@pytest.fixture(scope="module")
def weak(host, audit):
    """Of the host with all that is in planted.yml, which is gone when the tests begin."""

    def shell(row: dict, line: str, planted: bool) -> None:
        policy = row.get("policy", "") if planted else ""
        host.check_output("env POLICY=%s bash -ec %s", policy, line)

    done = []
    try:
        for row in PLANTED:
            # First, as half of it may be there.
            done.append(row)
            shell(row, row["plant"], planted=True)
        return audit()
    finally:
        for row in reversed(done):
            shell(row, row["undo"], planted=False)


@pytest.fixture(scope="module")
def sound(weak, audit):
    """Of the host when all of it was taken back."""
    return audit()


@pytest.mark.parametrize("row", PLANTED, ids=[row["weakness"] for row in PLANTED])
def test_a_weakness_is_reported(weak, row):
    _done, report = weak
    [finding] = [f for f in report["findings"] if f["id"] == row["check"]]
    assert finding["result"] == "fail"
    assert any(row["evidence"] in line for line in finding["evidence"]), finding["evidence"]


def test_nothing_else_is_reported(weak):
    _done, report = weak
    planted = {row["check"] for row in PLANTED}
    assert {f["id"] for f in report["findings"] if f["result"] == "fail"} - planted <= TRUE_ALL_THE_SAME


def test_the_play_ends_with_an_error(weak):
    done, report = weak
    assert done.returncode == 2
    assert f"fails {len(report['failing'])} of {len(report['findings'])} checks with severity high" in done.stdout + done.stderr


def test_no_credential_is_in_the_report(weak, credentials):
    _done, report = weak
    hidden = [value for name, value in credentials.items() if name.startswith("secret_") and name != "secret_ca_certificate"]
    assert hidden
    assert not [value for value in hidden if str(value) in json.dumps(report)]


def test_a_sound_host_has_no_false_alarm(sound):
    done, report = sound
    failed = {f["id"]: f["evidence"] for f in report["findings"] if f["result"] == "fail" and f["id"] not in TRUE_ALL_THE_SAME}
    assert failed == {}
    assert done.returncode == 0, done.stdout


def test_what_was_not_asked_is_that_of_a_container(sound):
    _done, report = sound
    left_out = {f["id"] for f in report["findings"] if f["result"] == "not applicable"}
    assert left_out <= {
        *("system.clock", "system.network", "system.kernel", "system.record", "versions.advisories", "secrets.age"),
        # Without a gateway.
        *("tls.chained", "tls.strict", "logins.outside"),
    }
