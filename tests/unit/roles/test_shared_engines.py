# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""How many queries and runs one pipeline may have of what all share, before any other waits for it."""

import json
import re
from pathlib import Path

import pytest

SCHEMA = json.loads((Path(__file__).parents[3] / "pipelines/shared/schemas/pipeline.schema.json").read_text())
DATABASE = {"host": "127.0.0.1", "port": 5432, "name": "dagster", "user": "dagster", "password": "secret"}


def groups(role, **given) -> dict:
    return json.loads(role("trino", **given).template("resource-groups.json.j2"))


def group_of(document: dict, user: str, *user_groups: str) -> str:
    """As Trino chooses: the first selector whose expressions fit the whole name, and that of one of the user's groups."""
    found = next(
        s["group"]
        for s in document["selectors"]
        if re.fullmatch(s.get("user", ".*"), user)
        and ("userGroup" not in s or any(re.fullmatch(s["userGroup"], group) for group in user_groups))
    )
    return found.replace("${USER}", user)


@pytest.mark.parametrize(
    ("user", "group"),
    [
        ("data.admin", "platform"),
        ("readiness", "platform"),
        # A name is a name, not a pattern.
        ("dataXadmin", "users.dataXadmin"),
        ("readiness_2", "users.readiness_2"),
        ("sales", "users.sales"),
    ],
)
def test_the_platform_waits_for_no_pipeline(role, user, group):
    assert group_of(groups(role, trino_admin="data.admin"), user) == group


def test_each_number_of_a_manifest_has_its_group(role):
    document = groups(role)
    numbers = SCHEMA["properties"]["trino_queries"]["enum"]
    limits = {g["name"]: g["hardConcurrencyLimit"] for g in document["rootGroups"][1]["subGroups"]}
    assert limits == {"${USER}": 4} | {f"${{USER}}-{n}": n for n in numbers}
    assert [group_of(document, "sales", f"queries-{n}") for n in numbers] == [f"users.sales-{n}" for n in numbers]
    assert group_of(document, "sales", "analysts", "queries-8") == "users.sales-8"
    # It waits for nobody, whatever group it is in.
    assert group_of(document, "platform", "queries-1") == "platform"


def test_one_user_leaves_room_for_others(role):
    _platform, users = groups(role)["rootGroups"]
    each = users["subGroups"][0]
    assert each["name"] == "${USER}"
    assert each["hardConcurrencyLimit"] * 2 <= users["hardConcurrencyLimit"]
    assert users["schedulingPolicy"] == "fair"
    memory = [int(group["softMemoryLimit"].rstrip("%")) for group in (users, *users["subGroups"])]
    assert memory[1] * 2 <= max(memory) == memory[0] < 100


def test_limits_are_numbers(role):
    """Trino does not start with a group that it can't read."""
    _platform, users = groups(role, trino_max_queries="20", trino_max_queries_per_user="5")["rootGroups"]
    assert (users["hardConcurrencyLimit"], users["subGroups"][0]["hardConcurrencyLimit"]) == (20, 5)


def test_a_query_ends(role):
    assert "query.max-execution-time=120m" in role("trino").unit("config.properties.j2")


def may_set(rules: list[dict], user: str, name: str) -> bool:
    """As Trino decides: the first rule that fits."""
    return next(
        rule["allow"]
        for rule in rules
        if re.fullmatch(rule.get("user", ".*"), user) and re.fullmatch(rule.get("property", ".*"), name)
    )


@pytest.mark.parametrize(
    ("user", "name", "allowed"),
    [
        ("platform", "query_max_execution_time", True),
        ("sales", "query_max_execution_time", False),
        ("sales", "query_max_run_time", False),
        ("sales", "query_priority", False),
        ("sales", "join_distribution_type", True),
    ],
)
def test_who_sets_limits(role, user, name, allowed):
    rules = role("trino").variable("_trino_rules")["system_session_properties"]
    assert may_set(rules, user, name) is allowed


@pytest.mark.parametrize(("runs", "each"), [(6, 3), (5, 2), (2, 1), (1, 1)])
def test_one_pipeline_leaves_runs_for_others(role, runs, each):
    dagster = role("dagster", dagster_database=DATABASE, dagster_max_concurrent_runs=runs)
    assert dagster.data("dagster.yaml.j2")["concurrency"]["runs"] == {
        "max_concurrent_runs": runs,
        "tag_concurrency_limits": [{"key": "dagster/code_location", "value": {"applyLimitPerUniqueValue": True}, "limit": each}],
    }
