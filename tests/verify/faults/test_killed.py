"""A service killed with -9 in the middle of the play that works with it: it comes back, and the play can be run again."""

import re

import pytest


@pytest.mark.parametrize(
    ("playbook", "task", "unit"),
    [
        (["site.yml", "--tags", "minio"], "Provide the policies", "minio"),
        (["site.yml", "--tags", "postgresql"], "Provide the databases", "postgresql@15-main"),
        (["site.yml", "--tags", "trino"], "Provide the catalogs", "trino"),
        (["playbooks/pipelines.yml"], "Register the code locations of all", "dagster-webserver"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_service_killed_in_the_middle(host, play_until, clean, invocation, playbook, task, unit):
    before = invocation(unit)
    done = play_until(
        task, lambda _play: host.check_output("systemctl kill --signal=SIGKILL --kill-whom=main %s", unit), *playbook
    )
    # The play waited for it, or ended with one error.
    errors = re.findall(r"^\[ERROR\]: .*", done.stdout, re.MULTILINE)
    assert len(errors) == int(done.returncode != 0), done.stdout
    # `start` of a unit that is being restarted waits for it, and for its readiness probe.
    host.check_output("systemctl start %s", unit)
    assert host.check_output("systemctl show --value --property=ActiveState %s", unit) == "active"
    assert invocation(unit) != before
    clean(*playbook)
