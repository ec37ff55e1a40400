"""PostgreSQL is away for longer than the unit that makes a schema waits: the services on it come back by themselves."""

import pytest

READY = "/usr/local/lib/foss-data-platform/ready"
# Service: the unit that makes its schema, what says that this was done, the probe that it answers.
SERVICES = {
    "hive-metastore": ("hive-metastore-schema", "/var/lib/hive-metastore/schema-of-*", "hive 127.0.0.1 9083"),
    "dagster-webserver": ("dagster-migrate", "/var/lib/dagster/migrated-to-*", "http http://127.0.0.1:3000/server_info"),
    "dagster-daemon": ("dagster-migrate", "/var/lib/dagster/migrated-to-*", "dagster-daemon http://127.0.0.1:3000/graphql"),
}
POSTGRESQL = "postgresql@15-main"


@pytest.fixture(params=SERVICES)
def impatient(request, host):
    """A service of this host that is down, whose schema is to be made; it and that unit wait for PostgreSQL for a second."""
    unit, (maker, done, _probe) = request.param, SERVICES[request.param]
    if host.run("test -e /etc/systemd/system/%s.service", unit).rc:
        pytest.skip(f"this scenario has no {unit}")
    drop_ins = [f"/run/systemd/system/{name}.service.d" for name in (unit, maker)]
    host.check_output(f"systemctl stop {unit}")
    for folder in drop_ins:
        host.check_output("mkdir --parents %s", folder)
        # In front of the unit's own probes.
        name = folder.split("/")[-1].removesuffix(".d")
        pre = host.check_output("sed --quiet s/^ExecStartPre=//p /etc/systemd/system/%s", name).splitlines()
        lines = ["[Service]", "ExecStartPre=", f"ExecStartPre={READY} --timeout 1 postgresql 127.0.0.1 5432"]
        text = "".join(f"{line}\n" for line in [*lines, *(f"ExecStartPre={line}" for line in pre)])
        host.check_output("printf %%s %s > %s/verify.conf", text, folder)
    host.check_output(f"rm {done}")
    host.check_output("systemctl daemon-reload")
    yield unit
    host.check_output("systemctl start %s", POSTGRESQL)
    host.check_output(f"rm --recursive {' '.join(drop_ins)}")
    host.check_output("systemctl daemon-reload")


def test_it_comes_back_when_postgresql_does(host, impatient):
    _maker, done, probe = SERVICES[impatient]
    host.check_output("systemctl stop %s", POSTGRESQL)
    assert host.run("systemctl start %s", impatient).rc
    assert host.check_output("systemctl show --value --property=ActiveState %s", impatient) == "activating"
    assert host.run(f"ls {done}").rc
    host.check_output("systemctl start %s", POSTGRESQL)
    host.check_output(f"{READY} --timeout 240 {probe}")
    # Waits for the probe of the start that is under way.
    host.check_output("systemctl start %s", impatient)
    assert host.check_output("systemctl show --value --property=ActiveState %s", impatient) == "active"
    assert len(host.check_output(f"ls {done}").split()) == 1
