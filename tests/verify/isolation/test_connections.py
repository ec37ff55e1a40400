"""While pipelines hold what they may of Dagster's storage, connections and rows, the platform and other pipelines go on."""

import json

import pytest
import yaml
from ansible_collections.foss_data.platform.tests.deployed import until
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import NAME, UNRULY, ended, launch

UNIT = "verify-held"
OTHERS = "verify_other_"
ASKED = ["SELECT count(*) FROM asset_keys", "SELECT count(*) FROM runs", "SELECT * FROM event_logs LIMIT 100"]
# Each connection is used, so that it has the memory that one takes, and then waits in a transaction for as long as it likes to.
HOLD = """
import json, signal, sys
import psycopg2
values, held = json.loads(sys.argv[1]), []
for login in values["logins"]:
    for _ in range(values["each"]):
        held.append(psycopg2.connect(host="127.0.0.1", dbname="dagster", user=login, password=values["password"]))
        cursor = held[-1].cursor()
        for statement in ["SET idle_in_transaction_session_timeout = 0", *values["statements"]]:
            cursor.execute(statement)
    try:
        more = psycopg2.connect(host="127.0.0.1", dbname="dagster", user=login, password=values["password"])
    except psycopg2.OperationalError as error:
        assert not values["full"] or "too many connections for role" in str(error), error
    else:
        assert not values["full"], login
        more.close()
open("/run/verify-held/now", "w").close()
signal.pause()
"""


@pytest.fixture
def psql(host):
    """Rows of a statement, by the server's administrator; a superuser has connections of its own."""
    command = "runuser -u postgres -- psql --no-psqlrc --dbname=dagster --tuples-only --no-align --quiet --command %s"
    return lambda statement: [line.split("|") for line in host.check_output(command, statement).splitlines()]


@pytest.fixture
def hold(host):
    """Open connections on the host and keep them."""

    def begin(logins, password, each, statements, full):
        values = {"logins": logins, "password": password, "each": each, "statements": statements, "full": full}
        run = "systemd-run --quiet --unit=%s --property=RuntimeDirectory=%s /usr/bin/python3 -c %s %s"
        host.check_output(run, UNIT, UNIT, HOLD, json.dumps(values))
        until(lambda: host.file(f"/run/{UNIT}/now").exists or not host.service(UNIT).is_running, 120)
        assert host.service(UNIT).is_running, host.check_output("journalctl --no-pager --unit=%s", UNIT)

    yield begin
    host.run("systemctl stop %s; systemctl reset-failed %s", UNIT, UNIT)


@pytest.fixture
def others(root, psql):
    """Logins of as many pipelines as there is room for, and the connections that each has."""
    [[limit, members, most]] = psql(
        "SELECT max(rolconnlimit), count(*), current_setting('max_connections') FROM pg_roles "
        "WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(oid, 'dagster_run', 'member')"
    )
    reserved = yaml.safe_load((root / "group_vars/all/sizing.yml").read_text())["platform_connections"]
    names = [f"{OTHERS}{at}" for at in range((int(most) - reserved) // int(limit) - int(members))]
    psql("; ".join(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT {limit} PASSWORD 'verify' IN ROLE dagster_run" for name in names))
    yield names, int(limit), int(members)
    psql(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE starts_with(usename, '{OTHERS}')")
    psql(f"DROP ROLE {', '.join(names)}")


def test_there_is_room_for_fifty(others):
    """On a host of 8 GB."""
    names, _limit, members = others
    assert len(names) + members >= 50


def test_all_connections_of_all_others_leave_room(dagster, deployed, psql, hold, others, invocation):
    """In number, and in the server's memory."""
    names, limit, _members = others
    before = invocation("postgresql@15-main"), psql("SELECT pg_postmaster_start_time()")
    hold(names, "verify", limit, ASKED, full=True)
    assert ended(dagster, launch(dagster, NAME, NAME)) == "SUCCESS"
    held = f"SELECT count(*) FROM pg_stat_activity WHERE starts_with(usename, '{OTHERS}')"
    # None was lost: the server would have ended all, if one of its processes had been killed.
    assert psql(held) == [[str(len(names) * limit)]]
    assert (invocation("postgresql@15-main"), psql("SELECT pg_postmaster_start_time()")) == before


def test_a_row_that_is_locked_holds_up_its_own_pipeline_alone(dagster, unruly, own, hold, host):
    """Dagster's daemon waits for the row of a run that it is to start, but not for long."""
    first = unruly.launch("do_nothing")
    unruly.worst()
    second = unruly.again("do_nothing")
    login = own(UNRULY)
    row = f"SELECT FROM runs WHERE run_id = '{second}' FOR UPDATE"
    hold([login["DAGSTER_PG_USERNAME"]], login["DAGSTER_PG_PASSWORD"], 1, [row], full=False)
    assert unruly.end(first) == {"SUCCESS"}
    assert ended(dagster, launch(dagster, NAME, NAME)) == "SUCCESS"
    assert dagster.run(second)["status"] == "QUEUED"
    host.check_output("systemctl stop %s", UNIT)
    assert ended(dagster, second) == "SUCCESS"
