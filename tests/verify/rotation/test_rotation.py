"""Rotated credentials: the services have new ones, nothing is opened by the old ones, and nobody sees any.

With a copy of the inventory, as the hosts of other scenarios use the checkout's at the same time.
"""

import re
import shutil

import pytest
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret
from ansible_collections.foss_data.platform.tests.deployed import SECURE, credentials_in, values_in

ROTATE = "playbooks/rotate_secrets.yml"
CLAIM = "/var/lib/foss-data-platform/rotation"
# Of each kind one at least; that of Hive's database is as that of Dagster's.
ROTATED = [
    "secret_minio_root",
    "secret_minio_trino",
    "secret_postgresql_dagster",
    "secret_postgresql_trino",
    "secret_trino_admin",
    "secret_trino_internal",
    "secret_trino_readiness",
    "secret_pipelines",
    "secret_ca_key",
    "secret_ca_certificate",
]
# Not by the module that proves it, but by the clients that people use.
BUCKETS = """
from minio import Minio
from minio.error import S3Error
try:
    client = Minio(endpoint="127.0.0.1:9010", access_key="trino", secret_key=values["secret"], secure=False, region="eu-north-1")
    client.list_buckets()
    print("let in")
except S3Error as error:
    print(error.code)
"""
SESSION = """
import subprocess
done = subprocess.run(
    ["psql", "--host=127.0.0.1", "--username=dagster", "--dbname=dagster", "--command=SELECT 1"],
    env={"PGPASSWORD": values["secret"], "PATH": "/usr/bin"}, capture_output=True, text=True)
print("let in" if done.returncode == 0 else done.stderr)
"""


@pytest.fixture
def copy(root, tmp_path):
    """A copy of the inventory with its credentials."""
    inventory = tmp_path / "inventories" / "sandbox"
    shutil.copytree(root / "inventories" / "sandbox", inventory)
    # The inventory names the keys to log in with by a path relative to itself.
    (tmp_path / ".sandbox").symlink_to(root / ".sandbox")
    return inventory


@pytest.fixture
def restored(standin, play):
    """In the end the host has the checkout's credentials again, or is gone: a scenario's is destroyed next."""
    yield
    if not standin.startswith("molecule-"):
        for playbook in ("site.yml", "playbooks/pipelines.yml"):
            done = play(playbook)
            assert done.returncode == 0, done.stdout + done.stderr


def test_another_rotation_is_under_way(host, refusal, copy):
    """Of somebody else, with a file of their own."""
    host.check_output("ln --symbolic '2026-11-30T00:00:00Z by anna@laptop' %s", CLAIM)
    try:
        error = refusal(ROTATE, "-e", "secret=secret_trino_admin", inventory=str(copy))
    finally:
        host.check_output("rm %s", CLAIM)
    assert "This host is in a rotation that was begun 2026-11-30T00:00:00Z by anna@laptop. Get the encrypted file" in error


def test_no_such_credential(refusal):
    error = refusal(ROTATE, "-e", "secret=secret_mino_root")
    assert "there is no credential secret_mino_root: say secret_minio_root, " in error


@pytest.mark.usefixtures("restored")
def test_rotation(host, copy, play, killed_at, on_host, let_in, places):
    old, own = credentials_in(copy), ["--inventory", str(copy)]
    before = (copy / "group_vars/all/secrets.sops.yaml").read_bytes()

    # It says what it would do.
    predicted = play(ROTATE, "--check", "-e", f"secret={','.join(ROTATED)}", inventory=str(copy))
    assert predicted.returncode == 0, predicted.stdout + predicted.stderr
    assert f"{', '.join(ROTATED)} would be rotated" in predicted.stdout
    assert not re.search(r"(changed|failed)=[1-9]", predicted.stdout)
    assert (copy / "group_vars/all/secrets.sops.yaml").read_bytes() == before

    # Killed where the database has new passwords and its users have not; then run again.
    shown = ["-vvv", "--diff"]
    killed = killed_at("Install Dagster", ROTATE, *own, "-e", f"secret={','.join(ROTATED)}", *shown)
    assert "password authentication failed" in on_host(SESSION, secret=old["secret_postgresql_dagster"])
    assert " by " in host.check_output("readlink %s", CLAIM)
    done = play(ROTATE, *shown, inventory=str(copy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is not finished: it goes on" in done.stdout
    new = credentials_in(copy)
    assert sorted(name for name in old if new[name] != old[name]) == sorted(ROTATED)

    # What the playbook says was proven is what a client finds.
    for name in ROTATED:
        if name != "secret_ca_key":
            assert f"the former {name} opens nothing" in done.stdout, name
            assert f"the new {name} opens it" in done.stdout, name
    for known, by_trino, by_minio, by_postgresql in (
        (old, "refused", "SignatureDoesNotMatch", "password authentication failed"),
        (new, "let in", "let in", "let in"),
    ):
        pipeline = derived_secret(known["secret_pipelines"], "trino: stavanger_parking")
        assert let_in(SECURE, login=("platform", known["secret_trino_admin"])) == {by_trino}
        assert let_in(SECURE, login=("stavanger_parking", pipeline)) == {by_trino}
        assert on_host(BUCKETS, secret=known["secret_minio_trino"]) == by_minio
        assert by_postgresql in on_host(SESSION, secret=known["secret_postgresql_dagster"])

    # Nothing of it stays behind, and nobody saw a value.
    assert host.run("test -L %s", CLAIM).rc == 1
    assert host.check_output("cat /etc/certificates/ca.pem") == new["secret_ca_certificate"].strip()
    values = [*values_in(old), *values_in(new)]
    text = killed.stdout + done.stdout + done.stderr
    assert not [value for value in values if value in text]
    assert places(values) == []
