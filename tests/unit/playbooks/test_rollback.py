"""playbooks/pipeline_rollback.yml: the release before, taken into service as a new one is."""

import json

import pytest
from ansible_collections.foss_data.platform.tests.unit.playbooks.conftest import listed

EARLIER = {
    "pipeline_current": {
        "release": "older",
        "previous": "newer",
        "restored": ["unit"],
        "inputs": [{"fingerprint": "x"}],
        "taken_over": "",
        "manifest": listed("sales")["manifest"] | {"schemas": ["marts", "old"], "publishes": ["old"], "trino_queries": 2},
        "masks": {},
    }
}


@pytest.fixture
def known(play, tmp_path):
    """Runs the playbook for the pipeline ``sales``, which the host knows."""
    spec = {key: value for key, value in listed("sales").items() if key in ("name", "user", "release", "manifest")}
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "manifest.json").write_text(json.dumps(spec))

    def run(*arguments, name="sales", **more):
        more = {"answers": EARLIER, "_pipeline_known_in": str(tmp_path), **more}
        return play("pipeline_rollback.yml", "-e", f"pipeline={name}", *arguments, **more)

    return run


def test_the_release_before_runs_again(known):
    done = known("-e", "release=older")
    assert done.code == 0, done.said
    put, proven = done.asked("pipeline_current")
    assert (put["state"], put["release"]) == ("earlier", "older")
    assert (proven["release"], proven["rollback"], proven["inputs"]) == ("older", True, [{"fingerprint": "x"}])
    # In this order: running, known to Dagster, switched to.
    order = [name for name, *_ in done.calls if name in ("service", "dagster_code_location", "pipeline_current")]
    assert order == ["pipeline_current", "service", "dagster_code_location", "pipeline_current"]
    assert [i["name"] for i in done.asked("dagster_code_location")[0]["aggregate"]] == ["sales"]
    assert "sales: release older runs again, in the place of newer." in done.said.replace("\n        ", " ")


def test_others_read_what_the_release_before_publishes(known):
    done = known(items={"trino_schema": {"held_back": True}})
    assert done.code == 0, done.said
    narrow, after = done.asked("trino_schema")
    assert (narrow["widen"], after["widen"]) == (False, True)
    grants = {"sales_marts": [], "sales_old": [{"everyone": True}], "sales_raw": []}
    assert {item["name"]: item["grants"] for item in after["aggregate"]} == grants
    order = [name for name, *_ in done.calls if name in ("trino_schema", "service", "pipeline_current")]
    assert order == ["pipeline_current", "trino_schema", "service", "pipeline_current", "trino_schema"]


def test_of_the_folders_those_are_open_that_the_release_before_publishes(known):
    [asked] = known().asked("trino_s3_mapping")
    [mapping] = asked["aggregate"]
    assert (mapping["name"], mapping["published"]) == ("sales", ["s3://lakehouse/pl-sales/old/"])


def test_queries_are_limited_as_in_the_release_before(known):
    [asked] = known().asked("trino_query_limit")
    assert asked["aggregate"] == [{"name": "sales", "limit": 2}]


def test_one_that_does_not_load_leaves_the_current_one(known):
    failed = known(at_first={"dagster_code_location": {"sales": "code location sales: no such module"}})
    assert failed.code
    assert [options.get("state", "proven") for options in failed.asked("pipeline_current")] == ["earlier", "before"]
    assert "was not taken into service, older runs again: code location sales: no such module" in failed.errors()[-1]


def test_there_is_none_before(known):
    failed = known(faults={"pipeline_current": {"": "sales has no earlier release on the host than newer: nothing was changed."}})
    [error] = failed.errors()
    assert error.endswith("sales has no earlier release on the host than newer: nothing was changed.")
    assert failed.asked("service") == []


def test_one_that_is_not_there(known):
    failed = known(name="stock")
    [error] = failed.errors()
    assert "There is no pipeline stock on this host that was deployed to the end." in error
    assert {module for module, *_ in failed.calls} == {"host_check"}


def test_a_name_that_is_none(known):
    failed = known(name="../etc")
    [error] = failed.errors()
    assert "Give the name of a pipeline: -e pipeline=NAME. Nothing was changed." in error
