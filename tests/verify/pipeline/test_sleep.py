# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A code server sleeps when nobody needs it: Dagster goes on as if it did not, and work wakes it."""

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import ENDED, Dagster
from ansible_collections.foss_data.platform.tests.deployed import deploy_of, until

NAME = "stavanger_parking"
UNIT = f"pipeline@{NAME}"
FREQUENT = "verify_sleepy"
# MiB. Fifty of them have one porter.
PORTER_PSS = 40
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
TICKS = """query($s: ScheduleSelector!) { scheduleOrError(scheduleSelector: $s) { ... on Schedule {
  scheduleState { ticks(limit: 5) { status runIds error { message } } } } } }"""


def state(host, unit: str) -> str:
    """systemd's word."""
    return host.check_output("systemctl show --value --property=ActiveState %s", unit)


@pytest.fixture(scope="module", autouse=True)
def impatient(host):
    """The porter lets them sleep after seconds in the place of minutes."""
    addition = "/run/systemd/system/pipeline-porter.service.d/verify.conf"
    start = host.check_output("grep ^ExecStart= /etc/systemd/system/pipeline-porter.service")
    words = start.split()
    words[words.index("--idle") + 1] = "10"
    host.check_output(f"mkdir --parents $(dirname {addition})")
    host.check_output("printf %s > " + addition, f"[Service]\nExecStart=\n{' '.join(words)}\n")
    host.check_output("systemctl daemon-reload && systemctl restart pipeline-porter")
    yield
    host.check_output(f"rm --recursive $(dirname {addition}) && systemctl daemon-reload && systemctl restart pipeline-porter")


@pytest.fixture
def asleep(host):
    """Wait until a pipeline's unit sleeps; it ended well."""

    def wait(unit: str = UNIT) -> None:
        until(lambda: state(host, unit) == "inactive", 120)
        assert host.check_output("systemctl show --value --property=Result %s", unit) == "success"

    return wait


def locations(dagster: Dagster) -> dict[str, str]:
    """What the webserver has of each code location."""
    found = dagster.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
    return {entry["name"]: entry["locationOrLoadError"]["__typename"] for entry in found}


def test_it_sleeps_and_dagster_has_it(host, asleep, dagster):
    asleep()
    assert locations(dagster)[NAME] == "RepositoryLocation"
    # Read anew, by the webserver and meanwhile by the daemon, it sleeps on.
    dagster.reload_location(NAME)
    assert locations(dagster)[NAME] == "RepositoryLocation"
    assert state(host, UNIT) == "inactive"
    assert host.check_output("systemctl show --value --property=NRestarts %s", UNIT) == "0"


def test_it_needs_no_memory_and_the_porter_little(host, asleep):
    asleep()
    assert host.run("pgrep --uid pl-%s", NAME).rc == 1
    process = host.check_output("systemctl show --value --property=MainPID pipeline-porter")
    pss = int(host.check_output("awk '/^Pss:/ {print $2}' /proc/%s/smaps_rollup", process)) // 1024
    assert pss < PORTER_PSS


def test_a_run_wakes_it_and_it_sleeps_again(asleep, module):
    asleep()
    assert module("dagster_run", location=NAME, job=NAME, wait_timeout=600)["status"] == "SUCCESS"
    asleep()


def test_a_schedule_wakes_it(host, play, from_template, dagster, tmp_path):
    with from_template(tmp_path, FREQUENT, schedule="* * * * *") as frequent:
        deployed = play(*deploy_of(frequent))
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        selector = {
            "repositoryLocationName": FREQUENT,
            "repositoryName": "__repository__",
            "scheduleName": f"{FREQUENT}_schedule",
        }

        def ticks() -> list[dict]:
            found = dagster.ask(TICKS, s=selector)["scheduleOrError"]["scheduleState"]["ticks"]
            return [tick for tick in found if tick["status"] in ("SUCCESS", "FAILURE")]

        [tick, *_] = until(ticks, 300)
        assert (tick["status"], tick["error"]) == ("SUCCESS", None)

        def ended() -> str:
            status = dagster.ask("query($i: ID!) { runOrError(runId: $i) { ... on Run { status } } }", i=tick["runIds"][0])
            return status["runOrError"]["status"] if status["runOrError"]["status"] in ENDED else ""

        assert until(ended, 600) == "SUCCESS"
        assert f"{FREQUENT}: waking" in host.check_output("journalctl --unit=pipeline-porter --output=cat --lines=500")


def test_what_does_not_start_is_told_to_dagster(host, asleep, module):
    """And a deploy, or whoever mends it, brings it back."""
    asleep()
    addition = f"/run/systemd/system/{UNIT}.service.d/verify.conf"
    host.check_output(
        f"mkdir --parents $(dirname {addition}) && printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' > {addition}"
    )
    host.check_output("systemctl daemon-reload")
    try:
        with pytest.raises(AssertionError, match=rf"{UNIT} did not start \(exit-code\)"):
            module("dagster_run", location=NAME, job=NAME, wait_timeout=300)
    finally:
        host.check_output(f"rm --recursive $(dirname {addition}) && systemctl daemon-reload && systemctl reset-failed {UNIT}")
    assert module("dagster_run", location=NAME, job=NAME, wait_timeout=600)["status"] == "SUCCESS"


def test_a_pipeline_reaches_no_door(host):
    said = host.run("runuser -u pl-%s -- ls /run/pipeline-porter /run/pipeline-wake /var/lib/pipeline-porter", NAME)
    assert said.stderr.count("Permission denied") == 3
