"""Delta Lake switched off on a deployed host, and on again: nothing of it stays that does not work, and nothing is lost."""

import pytest

OFF = ["-e", '{"platform_delta": false}']
CONCERNED = ["site.yml", "--tags", "hive_metastore,trino"]
LOST = "verify_lost"


@pytest.fixture
def delta_table(trino):
    """A table of format Delta, with a row."""
    trino(
        "CREATE SCHEMA IF NOT EXISTS delta.verify_switch WITH (location = 's3://lakehouse/verify_switch/')",
        "CREATE OR REPLACE TABLE delta.verify_switch.probe AS SELECT 1 AS one",
    )
    yield "delta.verify_switch.probe"
    trino("DROP TABLE delta.verify_switch.probe", "DROP SCHEMA delta.verify_switch")


@pytest.fixture
def delta_pipeline(host):
    """What a deployed pipeline of format delta has on the host, in so far as it says its format."""
    folder = f"/etc/pipelines/{LOST}"
    host.check_output("install -d -m 0700 %s", folder)
    host.check_output("sed 's/^TRINO_CATALOG=.*/TRINO_CATALOG=\"delta\"/' /etc/pipelines/stavanger_parking/env > %s/env", folder)
    yield
    host.check_output("rm --recursive %s", folder)


def unit(host) -> list[str]:
    """State of the metastore's unit."""
    shown = "systemctl show --value --property=ActiveState --property=UnitFileState hive-metastore"
    return host.check_output(shown).split()


def test_off_and_on_again(host, play, figures, clean, trino, delta_table):
    try:
        predicted = figures("check-off", *CONCERNED, *OFF, "--check")
        assert unit(host) == ["active", "enabled"]
        real = figures("off", *CONCERNED, *OFF)
        assert {n: r["changed"] for n, r in predicted.items()} == {n: r["changed"] for n, r in real.items()}
        assert real["hive_metastore"]["changed"] == ["Stop the Hive Metastore"]
        assert unit(host) == ["inactive", "disabled"]
        assert ["delta"] not in trino("SHOW CATALOGS")
        clean(*CONCERNED, *OFF)
        predicted = figures("check-on", *CONCERNED, "--check")
    finally:
        real = figures("on", *CONCERNED)
    assert {n: r["changed"] for n, r in predicted.items()} == {n: r["changed"] for n, r in real.items()}
    assert unit(host) == ["active", "enabled"]
    assert trino(f"SELECT one FROM {delta_table}") == [[1]]
    clean(*CONCERNED)


@pytest.mark.parametrize("tags", [[], ["--tags", "trino"]])
def test_not_while_a_pipeline_has_its_tables_there(host, refusal, delta_pipeline, tags):
    error = refusal("site.yml", *tags, *OFF)
    assert f"The tables of {LOST} are in a catalog that this site would no longer have (it has iceberg); nothing was" in error
    assert unit(host) == ["active", "enabled"]
