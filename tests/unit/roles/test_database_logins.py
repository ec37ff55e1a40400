# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The logins of pipelines to Dagster's storage: who is let in, and that all who need to know it agree."""

import pytest
import yaml
from ansible.template import trust_as_template
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_user import user_of
from ansible_collections.foss_data.platform.plugins.modules.postgresql_members import check


@pytest.fixture
def wiring(root):
    return yaml.safe_load((root / "group_vars/all/wiring.yml").read_text())


def test_members_reach_one_database(role, wiring):
    """The first line that fits counts."""
    networks = {"postgresql_allowed_networks": ["10.0.0.0/24"]}
    text = role("postgresql", postgresql_groups=wiring["postgresql_groups"], **networks).template("pg_hba.conf.j2")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    ours = [at for at, line in enumerate(lines) if line[2] == "+dagster_run"]
    assert [lines[at][1:] for at in ours] == [
        ["dagster", "+dagster_run", "127.0.0.1/32", "scram-sha-256"],
        ["dagster", "+dagster_run", "::1/128", "scram-sha-256"],
        ["dagster", "+dagster_run", "10.0.0.0/24", "scram-sha-256"],
        ["all", "+dagster_run", "all", "reject"],
    ]
    assert lines[max(ours) + 1] == ["host", "all", "all", "127.0.0.1/32", "scram-sha-256"]


def test_without_groups_nobody_is_refused(role):
    assert "reject" not in role("postgresql").template("pg_hba.conf.j2")


def test_the_privileges_are_some_that_there_are(wiring):
    [group] = wiring["postgresql_groups"]
    check({"group": group["name"], "privileges": group["privileges"], "rows": group["rows"], "members": []})
    # What there is without a condition says nothing of anybody's runs.
    assert set(group["privileges"]) - set(group["rows"]) == {"secondary_indexes"}
    # What happened stays as it was written.
    assert group["privileges"]["event_logs"] == ["SELECT", "INSERT"]
    # Nobody starts runs for others.
    assert "INSERT" not in group["privileges"]["runs"]
    # Whoever may change or delete any row of a table may lock all of it.
    assert not [table for table, privileges in group["privileges"].items() if {"UPDATE", "DELETE"} & set(privileges)]


@pytest.mark.parametrize(("memory_mb", "runs", "pipelines"), [(308, 1, 12), (800, 2, 50), (4096, 15, 100)])
def test_there_is_room_for_pipelines(role, root, wiring, memory_mb, runs, pipelines):
    """On hosts of 4, 8 and 64 GB: in number, and in PostgreSQL's memory, were all of them used."""
    [group], sizing = wiring["postgresql_groups"], yaml.safe_load((root / "group_vars/all/sizing.yml").read_text())
    given = {
        "postgresql_memory_mb": memory_mb,
        "dagster_max_concurrent_runs": runs,
        "limit": trust_as_template(group["connection_limit"]),
    }
    most = trust_as_template(sizing["postgresql_max_connections"])
    postgresql = role("postgresql", **given, postgresql_max_connections=most)
    limit, most = int(postgresql.variable("limit")), int(postgresql.variable("postgresql_max_connections"))
    # Its run and its code server.
    assert limit >= 3
    assert (most - sizing["platform_connections"]) // limit >= pipelines
    assert most * 2.6 + memory_mb / 4 <= memory_mb


@pytest.mark.parametrize("name", ["sales", "a" * 48])
def test_a_pipeline_logs_in_as_what_it_is_given(role, spec, wiring, name):
    """By its whole name, which PostgreSQL compares with those of code locations, whatever its Linux user is called."""
    given = {"pipeline_secret": "root", "pipeline_spec": spec() | {"name": name, "user": user_of(name)}}
    pipeline = role("pipeline", **given)
    assert pipeline.variable("_pipeline_login_name") == f"pl-{name}"
    secret = pipeline.variable("_pipeline_secret_environment")["DAGSTER_PG_PASSWORD"]
    # Those that are not deployed get no login.
    listed = [given["pipeline_spec"] | {"fault": ""}, {"name": "x", "fault": "unreadable"}]
    read = {"groups": {"pipeline_runners": ["runner"]}, "hostvars": {"runner": {"pipeline_list": listed}}}
    trusted = {group: trust_as_template(members) for group, members in wiring["postgresql_members"].items()}
    members = role("postgresql", **given, **read, postgresql_members=trusted).variable("postgresql_members")
    assert members == {"dagster_run": [{"name": f"pl-{name}", "password": secret}]}
    assert secret == derived_secret("root", f"database: pl-{name}")


def test_dagster_logs_in_as_the_owner_and_runs_as_themselves(role):
    """The instance's file is handed on to runs: it names variables, not a user."""
    database = {"host": "127.0.0.1", "port": 5432, "name": "dagster", "user": "dagster", "password": "secret"}
    dagster = role("dagster", dagster_database=database, dagster_gateway_secret="proof")
    login = dagster.data("dagster.yaml.j2")["storage"]["postgres"]["postgres_db"]
    assert login["params"] == {"options": "-c lock_timeout=10s"}
    assert (login["username"], login["password"]) == ({"env": "DAGSTER_PG_USERNAME"}, {"env": "DAGSTER_PG_PASSWORD"})
    given = dagster.unit("dagster.env.j2")
    assert {'DAGSTER_PG_USERNAME="dagster"', 'DAGSTER_PG_PASSWORD="secret"'} <= set(given)
