"""Role postgresql: rows written and read, users kept apart."""

import pytest

QUERY = """
import subprocess
done = subprocess.run(
    ["psql", "--host=127.0.0.1", "--username", values["login"], "--dbname", values["database"], "--tuples-only", "--no-align",
     "--quiet", "--command", values["sql"]],
    env={"PGPASSWORD": values["password"], "PATH": "/usr/bin"}, capture_output=True, text=True)
print(done.stdout.strip() if done.returncode == 0 else "refused: " + done.stderr.strip())
"""


@pytest.fixture
def psql(on_host, credentials):
    """Answer of a statement, as a user of the platform who logs in over TCP."""

    def run(sql, login="trino", database="warehouse", password=None):
        password = password or credentials[f"secret_postgresql_{login}"]
        return on_host(QUERY, login=login, database=database, password=password, sql=sql)

    return run


def test_rows_are_written_and_read(psql):
    sql = "CREATE TEMP TABLE probe AS SELECT n * n AS square FROM generate_series(1, 10) n; SELECT sum(square) FROM probe"
    assert psql(sql) == "385"


def test_a_wrong_password_is_refused(psql):
    assert "password authentication failed" in psql("SELECT 1", password="wrong")


def test_nobody_but_the_owner_connects_to_a_database(psql):
    assert psql("SELECT 1", login="dagster", database="dagster") == "1"
    assert "permission denied for database" in psql("SELECT 1", login="dagster", database="iceberg")


def test_the_platforms_settings_are_in_force(psql):
    names = ("data_checksums", "timezone", "jit", "password_encryption")
    assert psql("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)) == "on|UTC|off|scram-sha-256"


def test_buffers_follow_the_units_memory(psql, host):
    limit = int(host.check_output("systemctl show --value -p MemoryMax postgresql@15-main"))
    buffers = int(psql("SELECT pg_size_bytes(current_setting('shared_buffers'))"))
    assert limit / 5 < buffers < limit / 3


def test_its_own_checkers_find_no_fault(host):
    """It reads its files as they are now; and nothing in them waits for a restart."""
    faults = (
        "SELECT error FROM pg_file_settings WHERE error IS NOT NULL UNION ALL "
        "SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL UNION ALL "
        "SELECT name FROM pg_settings WHERE pending_restart"
    )
    assert host.check_output("runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --command %s", faults) == ""
    rules = "SELECT count(*) FROM pg_hba_file_rules"
    assert int(host.check_output("runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --command %s", rules)) >= 3
