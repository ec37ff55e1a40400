"""playbooks/pipeline_remove.yml: what will be lost is said, and nothing goes that was not meant."""

import os
import pwd
import re

import pytest

HOLDINGS = {
    "name": "sales",
    "deployed": True,
    "user": "pl-sales",
    "title": "Sales",
    "owner": {"team": "retail", "email": "retail@example.org"},
    "releases": ["new", "old"],
    "schemas": [{"catalog": "iceberg", "name": "sales_raw"}],
    "tables": [{"catalog": "iceberg", "schema": "sales_raw", "table": "orders", "rows": 120, "bytes": 3_500_000}],
    "disk": {"home_bytes": 2048},
    "unknown": {},
}
OBJECTS = {"objects": 7, "bytes": 4_000_000}
LEFT = "Remove what its runs left elsewhere"
NOBODY = 65534
TOUCHES = {
    "dagster_code_location",
    "minio_user",
    "service",
    "trino_query_limit",
    "trino_s3_mapping",
    "trino_schema",
    "trino_user",
}


@pytest.fixture
def remove(play):
    """Runs the playbook in check mode, or without anybody to ask."""

    def run(*arguments, holdings=None, name="sales", pipelines=(), **more):
        answers = {"pipeline_info": {"pipelines": [HOLDINGS | (holdings or {})]}, "minio_prefix": OBJECTS}
        return play(
            "pipeline_remove.yml", "-e", f"pipeline={name}", *arguments, answers=answers, pipelines=list(pipelines), **more
        )

    return run


def test_nobody_confirmed(remove):
    refused = remove("-e", "data=true")
    [error] = refused.errors()
    assert "Nothing was removed. Type the name when you are asked, or give -e confirmed=sales." in error
    for line in (
        "sales (Sales, retail, retail@example.org)",
        "Lost: table iceberg.sales_raw.orders, 120 rows, 3.34 MB",
        "Lost: 7 objects under lakehouse/pl-sales/, 3.81 MB",
        "Lost: home /var/lib/pipelines/sales of the user pl-sales, 2.00 KB",
        "Lost: what its runs printed",
    ):
        assert line in refused.said
    assert not TOUCHES & {name for name, *_ in refused.calls}


def test_data_stays_unless_it_is_asked_for(remove):
    predicted = remove("--check")
    assert predicted.code == 0, predicted.said
    assert "Stays (lost with -e data=true): table iceberg.sales_raw.orders, 120 rows" in predicted.said
    assert {name for name, *_ in predicted.calls} & TOUCHES == TOUCHES - {"trino_schema"}
    assert [options.get("state", "counted") for options in predicted.asked("minio_prefix")] == ["counted"]
    assert [(o["name"], o["state"]) for o in predicted.asked("trino_s3_mapping")] == [("sales", "absent")]
    assert all(check for _name, _options, check in predicted.calls)


def test_one_that_is_still_in_the_list(remove):
    """Said without asking its repository, or that of any other."""
    hint = "It is still in the list `pipelines`"
    assert hint in remove("--check", pipelines=[{"name": "sales", "unreachable": True}]).said
    assert hint not in remove("--check", pipelines=[{"name": "stock", "unreachable": True}]).said


def test_with_its_data(remove):
    predicted = remove("--check", "-e", "data=true")
    assert predicted.code == 0, predicted.said
    [schema] = predicted.asked("trino_schema")
    assert (schema["name"], schema["cascade"], schema["state"]) == ("sales_raw", True, "absent")
    assert [(o["prefix"], o.get("state", "counted")) for o in predicted.asked("minio_prefix")] == [
        ("pl-sales/", "counted"),
        ("pl-sales/", "absent"),
    ]
    # Its schedule first: it would begin another run.
    order = [name for name, *_ in predicted.calls]
    assert order.index("dagster_code_location") < order.index("service") < order.index("trino_schema")
    # And its objects before its tables: no metadata leads the administrator's DROP anywhere.
    assert order[order.index("service") :].index("minio_prefix") < order[order.index("service") :].index("trino_schema")


def outcome(play, task: str) -> str:
    """What a task came to."""
    return re.search(rf"^TASK \[.*: {task}\] \**\n(\w+)", play.said, re.MULTILINE)[1]


def test_its_user_goes_with_its_data_alone(remove):
    """As long as it is there nobody else is given its number."""
    kept, gone = remove("--check"), remove("--check", "-e", "data=true")
    assert [outcome(kept, task) for task in ("Remove its home", LEFT, "Remove its user")] == ["skipping"] * 3
    assert [outcome(gone, task) for task in ("Remove its home", LEFT, "Remove its user")] == ["ok"] * 3
    assert gone.said.index(LEFT) < gone.said.index("Remove its user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_its_runs_left_is_found(remove, tmp_path):
    """Check mode says so, and removes nothing."""
    logs = tmp_path / "run" / "compute_logs"
    logs.mkdir(parents=True)
    orchestrator = {
        "host": "server",
        "url": "http://127.0.0.1:1",
        "group": "dagster",
        "workspace": "/w",
        "compute_logs": str(tmp_path),
    }
    given = {"holdings": {"user": pwd.getpwuid(NOBODY).pw_name}, "pipeline_dagster": orchestrator}
    assert outcome(remove("--check", "-e", "data=true", **given), LEFT) == "ok"
    os.chown(logs, NOBODY, -1)
    assert outcome(remove("--check", "-e", "data=true", **given), LEFT) == "changed"
    assert logs.is_dir()


def test_a_login_that_stays_is_a_failure(remove):
    failed = remove("--check", faults={"postgresql_members": {"pl-sales": "role pl-sales owns objects"}})
    assert failed.code
    assert "role pl-sales owns objects" in failed.errors()[-1]


def test_tables_that_are_not_known_are_not_lost(remove):
    blind = {"schemas": None, "tables": None, "unknown": {"trino": "Trino does not answer"}}
    refused = remove("-e", "data=true", "-e", "confirmed=sales", holdings=blind)
    assert "Which tables would be lost is not known (Trino does not answer). Nothing was removed." in refused.errors()[-1]
    assert not TOUCHES & {name for name, *_ in refused.calls}


@pytest.mark.parametrize("name", ["../etc", ""])
def test_a_name_that_is_none(remove, name):
    refused = remove(name=name)
    [error] = refused.errors()
    assert "Give the name of a pipeline: -e pipeline=NAME. Nothing was changed." in error
    assert {module for module, *_ in refused.calls} == {"host_check"}
