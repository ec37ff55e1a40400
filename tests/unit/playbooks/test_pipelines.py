"""playbooks/pipelines.yml: each pipeline stands for itself, and what came of each is said."""

import re

import pytest
from ansible_collections.foss_data.platform.tests.unit.playbooks.conftest import ANSWERS, Play, listed

ALL = [
    listed("broken"),
    listed("good"),
    listed("other"),
    listed("unloadable"),
    listed("absent", path="", release="", manifest={}),
]
ALL[-1]["fault"] = "its repository does not answer"


def said_of(play: Play) -> list[str]:
    """The lines in the end."""
    block = play.said.partition("TASK [Say what came of each]")[2].partition("TASK [")[0]
    return [
        line.strip(" '\"") for line in re.sub(r"\n {8,}(?!- )", " ", block).replace("    - ", "\n").splitlines() if ": " in line
    ]


@pytest.fixture(scope="module")
def deployed(play) -> Play:
    """Two of five are fine."""
    return play(
        "pipelines.yml",
        pipelines=ALL,
        faults={"pipeline_release": {"/srv/pipelines/broken": "the release new does not load, the one before stays: no"}},
        at_first={"dagster_code_location": {"unloadable": "code location unloadable: no such module"}},
    )


def test_the_faulty_hold_up_no_other(deployed):
    switched = [item["path"] for item in deployed.items("pipeline_current") if item.get("state") != "before"]
    assert sorted(switched) == ["/srv/pipelines/good", "/srv/pipelines/other"]
    recap = deployed.recap()
    assert {name for name, counts in recap.items() if counts["rescued"]} == {"broken", "unloadable", "absent"}
    assert {name for name, counts in recap.items() if counts["failed"]} == {"server"}


def test_what_came_of_each_is_said(deployed):
    lines = "\n".join(said_of(deployed))
    for line in (
        "broken: not deployed: the release new does not load, the one before stays: no (nothing was switched)",
        "good: deployed, release new",
        "other: deployed, release new",
        "unloadable: not deployed: the release new was not taken into service, old runs again: "
        "code location unloadable: no such module",
        "absent: not deployed: its repository does not answer (nothing was switched)",
    ):
        assert line in lines, lines
    assert deployed.code
    last = deployed.errors()[-1]
    assert "Not deployed: broken: the release new does not load" in last
    assert "; absent: its repository does not answer (nothing was switched)" in last
    assert "good" not in last


def test_a_service_is_asked_once_for_those_that_came_so_far(deployed):
    [keys], [schemas, back] = deployed.asked("minio_user"), deployed.asked("trino_schema")
    assert [item["access_key"] for item in keys["aggregate"]] == ["pl-good", "pl-other", "pl-unloadable"]
    assert keys["policies"] == ["pipelines"]
    assert [item["location"] for item in schemas["aggregate"]][:2] == [
        "s3://lakehouse/pl-good/raw/",
        "s3://lakehouse/pl-good/marts/",
    ]
    assert {item["owner"] for item in schemas["aggregate"]} == {"good", "other", "unloadable"}
    assert [item["name"] for item in back["aggregate"]] == ["unloadable_raw", "unloadable_marts"]
    registered, again = deployed.asked("dagster_code_location")
    assert [item["name"] for item in registered["aggregate"]] == ["good", "other", "unloadable"]
    # The way back touches none that was not on it.
    assert [item["name"] for item in again["aggregate"]] == ["unloadable"]
    started, started_again = deployed.asked("dagster_schedule")
    assert [item["location"] for item in started["aggregate"]] == ["good", "other"]
    assert [item["location"] for item in started_again["aggregate"]] == ["unloadable"]


def test_a_first_one_that_fails_leaves_nothing(play):
    none = {"release": "", "previous": "", "restored": ["unit"], "inputs": [], "taken_over": ""}
    failed = play(
        "pipelines.yml",
        pipelines=[listed("good"), listed("unloadable")],
        answers={"pipeline_current": none},
        at_first={"dagster_code_location": {"unloadable": "code location unloadable: no such module"}},
    )
    reason = "the release new was not taken into service, and there is none before that could be: code location unloadable: "
    assert f"Not deployed: unloadable: {reason}no such module" in failed.errors()[-1], failed.said
    ended = [options["name"] for options in failed.asked("service") if options.get("state") == "stopped"]
    assert ended == ["pipeline@unloadable"]
    registered, withdrawn = failed.asked("dagster_code_location")
    assert [item["name"] for item in registered["aggregate"]] == ["good", "unloadable"]
    assert (withdrawn["state"], withdrawn["aggregate"]) == ("absent", [{"name": "unloadable"}])
    assert len(failed.asked("dagster_schedule")) == 1


def test_a_faulty_one_is_not_touched(deployed):
    assert not [name for name, options, _check in deployed.calls if "absent" in str(options)]


def test_what_its_code_may_print_is_hidden(deployed):
    [first, *_] = deployed.asked("dagster_code_location")
    secrets = {item["secret_key"] for item in deployed.asked("minio_user")[0]["aggregate"]}
    logins = {member["password"] for member in deployed.asked("postgresql_members")[0]["members"]}
    secrets |= {item["login_password"] for item in deployed.asked("trino_user")[0]["aggregate"]}
    hidden = set(first["hide"])
    # A pipeline that is not registered gets a login, too: it may have come as far as that before.
    assert secrets < hidden <= secrets | logins
    assert len(hidden) == 3 * len(deployed.asked("trino_user")[0]["aggregate"])
    [services] = [options for options in deployed.asked("service") if options.get("aggregate")]
    assert set(services["hide"]) == hidden


def test_nothing_to_do(play):
    again = play("pipelines.yml", pipelines=[listed("good"), listed("other")], changed=False)
    assert again.code == 0, again.said
    assert not {name: counts for name, counts in again.recap().items() if counts["changed"]}
    assert "good: unchanged, release new" in "\n".join(said_of(again))


def test_check_mode_asks_in_check_mode_and_says_what_would_be(play):
    # One has the name of a group, and no host may have that.
    predicted = play("pipelines.yml", "--check", pipelines=[listed("minio"), listed("other")])
    assert predicted.code == 0, predicted.said
    assert all(check for _name, _options, check in predicted.calls)
    assert "minio: would be deployed, release new" in "\n".join(said_of(predicted))
    # Check mode forgets no start: the restart is predicted only if the service is told what changed.
    services = [item for options in predicted.asked("service") for item in options.get("aggregate") or []]
    inputs = {item["name"]: [given["changed"] for given in item["inputs"]] for item in services}
    assert inputs == {"pipeline@minio": [True] * 4, "pipeline@other": [True] * 4}
    assert set(predicted.recap()) == {"minio@server", "other", "server"}


def test_one_of_them_while_a_service_does_not_answer(play):
    failed = play("pipelines.yml", "-e", "pipeline=good", pipelines=ALL, faults={"trino_schema": {"": "Trino does not answer"}})
    assert failed.code
    assert set(failed.recap()) == {"good", "server"}
    assert failed.errors()[-1].endswith("Not deployed: good: Trino does not answer (nothing was switched)")


def test_a_login_that_can_not_be_holds_up_no_other(play):
    faults = {"postgresql_members": {"pl-good": "role pl-good belongs to others"}}
    failed = play("pipelines.yml", pipelines=[listed("good"), listed("other")], faults=faults)
    lines = "\n".join(said_of(failed))
    assert "good: not deployed: role pl-good belongs to others (nothing was switched)" in lines, failed.said
    assert "other: deployed, release new" in lines
    assert {item["path"] for item in failed.items("pipeline_release")} == {"/srv/pipelines/other"}


def test_a_database_that_does_not_answer_is_said_of_each(play):
    faults = {"postgresql_members": {"": "nothing was changed: PostgreSQL refused: no"}}
    failed = play("pipelines.yml", pipelines=[listed("good"), listed("other")], faults=faults)
    assert failed.code
    for name in ("good", "other"):
        assert f"{name}: nothing was changed: PostgreSQL refused: no (nothing was switched)" in failed.errors()[-1], failed.said
    assert not failed.asked("pipeline_release")


def test_the_host_is_asked_once_for_all_of_them(deployed):
    """Fifty that are as they were cost as many round trips as one."""
    once = ("artifact", "service_files", "service", "pipeline_current")
    calls = {name: [options for options in deployed.asked(name) if options.get("aggregate")] for name in once}
    # Users and folders are made before a release is prepared, its service's files are written after.
    assert {name: len(found) for name, found in calls.items()} == dict.fromkeys(once, 1) | {"service_files": 2}
    [ready, *installed] = deployed.asked("pipeline_release")
    assert [item["user"] for item in ready["aggregate"]] == ["pl-broken", "pl-good", "pl-other", "pl-unloadable"]
    assert sorted(options["user"] for options in installed) == ["pl-good", "pl-other", "pl-unloadable"]


def test_a_release_that_is_there_is_not_shipped(play):
    there = {"pipeline_release": ANSWERS["pipeline_release"] | {"missing": False}}
    again = play("pipelines.yml", pipelines=[listed("good")], changed=False, answers=there)
    [asked] = again.asked("pipeline_release")
    assert asked["aggregate"]
    assert "good: unchanged, release new" in "\n".join(said_of(again))


def test_what_the_site_can_not_carry_is_not_deployed(play):
    """More memory than the host has for all, or a name by which Trino knows somebody else."""
    greedy, named = listed("greedy"), listed("readiness")
    greedy["manifest"] |= {"memory_mb": 65536}
    failed = play("pipelines.yml", pipelines=[greedy, listed("good"), named])
    said = failed.errors()[-1]
    assert re.search(r"Not deployed: greedy: Pipeline greedy .* and 65536 MiB \(all pipelines together have \d{4}\)", said), said
    assert "; readiness: Pipeline readiness was not deployed: " in said
    assert "may not have the name of one of Trino's own users (platform, readiness)" in said
    assert {item["path"] for item in failed.items("pipeline_release")} == {"/srv/pipelines/good"}


def test_a_limit_that_leaves_them_out(play):
    refused = play("pipelines.yml", "--limit", "server", pipelines=ALL)
    [error] = refused.errors()
    assert "give `-e pipeline=NAME` for one of them, or `--limit server,pipeline_deployments`." in error
    assert {name for name, *_ in refused.calls} == {"host_check"}


def test_what_is_published_has_the_masks_of_its_release(play):
    open_one = listed("open")
    open_one["manifest"] |= {"publishes": ["marts"]}
    masks = {"marts": {"people": {"mail": "hash"}, "daily": {}}}
    done = play(
        "pipelines.yml",
        pipelines=[open_one, listed("closed")],
        answers={"pipeline_release": ANSWERS["pipeline_release"] | {"masks": masks}},
    )
    [asked] = done.asked("trino_schema")
    assert {item["name"]: item["grants"] for item in asked["aggregate"]} == {
        "open_raw": [],
        "open_marts": [{"everyone": True, "table": "daily"}, {"everyone": True, "table": "people", "masks": {"mail": "hash"}}],
        "closed_raw": [],
        "closed_marts": [],
    }


def open_one(name: str) -> dict:
    """One that publishes."""
    spec = listed(name)
    return spec | {"manifest": spec["manifest"] | {"publishes": ["marts"]}}


def test_what_is_published_is_read_when_the_release_is_in_service(play):
    done = play("pipelines.yml", pipelines=[open_one("open"), listed("closed")], items={"trino_schema": {"held_back": True}})
    before, after = done.asked("trino_schema")
    assert (before["widen"], after["widen"]) == (False, True)
    assert [item["grants"] for item in after["aggregate"]] == [[], [{"everyone": True}], [], []]
    order = [name for name, *_ in done.calls if name in ("trino_schema", "pipeline_current")]
    assert order == ["trino_schema", "pipeline_current", "trino_schema"]


def test_trino_works_with_the_key_of_each_in_its_folder(play):
    faults = {"trino_s3_mapping": {"more": "the mapping was not changed"}}
    done = play("pipelines.yml", pipelines=[open_one("open"), listed("more"), listed("closed")], faults=faults)
    [asked] = done.asked("trino_s3_mapping")
    keys = {item["access_key"]: item["secret_key"] for item in done.items("minio_user")}
    opened, more, closed = asked["aggregate"]
    assert (opened["name"], opened["prefix"]) == ("open", "s3://lakehouse/pl-open/")
    assert (opened["access_key"], opened["secret_key"]) == ("pl-open", keys["pl-open"])
    assert opened["published"] == ["s3://lakehouse/pl-open/marts/"]
    assert closed["published"] == more["published"] == []
    assert len({item["secret_key"] for item in asked["aggregate"]}) == 3
    # The key is there before Trino works with it.
    order = [name for name, *_ in done.calls if name in ("minio_user", "trino_s3_mapping", "dagster_code_location")]
    assert order == ["minio_user", "trino_s3_mapping", "dagster_code_location"]
    assert done.errors()[-1].endswith("Not deployed: more: the mapping was not changed (nothing was switched)")


def test_it_is_in_service_even_if_that_can_not_be_granted(play):
    failed = play(
        "pipelines.yml",
        pipelines=[open_one("open")],
        items={"trino_schema": {"held_back": True}},
        faults={"trino_schema": {"True": "x"}},
    )
    assert failed.errors()[-1].endswith(
        "Not deployed: open: x (it is in service, but what it newly publishes can not be read yet: deploy again)"
    ), failed.said


def test_one_that_fails_leaves_what_the_release_before_publishes(play):
    """Its own schemas that the other has not are nobody's."""
    before = open_one("open")["manifest"] | {"schemas": ["marts", "old"], "publishes": ["old"]}
    masks = {"old": {"people": {"mail": "hash"}}}
    failed = play(
        "pipelines.yml",
        pipelines=[open_one("open"), listed("good")],
        answers={
            "pipeline_current": {
                "release": "old", "previous": "old", "restored": ["unit"], "inputs": [], "taken_over": "",
                "manifest": before, "masks": masks,
            }
        },
        at_first={"dagster_code_location": {"open": "code location open: no such module"}},
    )  # fmt: skip
    narrow, back = failed.asked("trino_schema")
    assert not narrow["widen"]
    assert back["widen"]
    assert {item["name"]: item["grants"] for item in back["aggregate"]} == {
        "open_marts": [],
        "open_old": [{"everyone": True, "table": "people", "masks": {"mail": "hash"}}],
        "open_raw": [],
    }
    assert "was not taken into service, old runs again: code location open: no such module" in failed.errors()[-1]


def limited(name: str, queries: int | None) -> dict:
    """One whose queries are limited, or not."""
    spec = listed(name)
    return spec | {"manifest": spec["manifest"] | ({"trino_queries": queries} if queries else {})}


def limits(options: dict) -> dict:
    """What `trino_query_limit` was told."""
    return {item["name"]: item["limit"] for item in options["aggregate"]}


def test_queries_are_limited_as_the_manifests_say(play):
    done = play(
        "pipelines.yml",
        pipelines=[limited("few", 1), limited("more", 4), limited("all", None), limited("too_many", 8)],
        trino_max_queries=4,
        faults={"trino_query_limit": {"more": "Trino did not take up the groups"}},
    )
    [asked] = done.asked("trino_query_limit")
    assert limits(asked) == {"few": 1, "more": 4, "all": None}
    assert "more: Trino did not take up the groups (nothing was switched)" in done.errors()[-1]
    assert "too_many: Pipeline too_many was not deployed" in done.errors()[-1]
    assert "8 queries at a time (all users together have 4)" in done.errors()[-1]
    assert "; few" not in done.errors()[-1]


def test_one_that_fails_has_the_limit_of_the_release_before(play):
    before = {"release": "old", "previous": "old", "restored": ["unit"], "inputs": [], "taken_over": "", "masks": {}}
    failed = play(
        "pipelines.yml",
        pipelines=[limited("few", 1), limited("good", 2)],
        answers={"pipeline_current": before | {"manifest": limited("few", 4)["manifest"]}},
        at_first={"dagster_code_location": {"few": "code location few: no such module"}},
    )
    new, back = failed.asked("trino_query_limit")
    assert (limits(new), limits(back)) == ({"few": 1, "good": 2}, {"few": 4})
