"""How many of a pipeline's queries Trino runs at a time is what its manifest says, and changes while Trino runs."""

from collections import Counter

import pytest
import requests
import yaml
from ansible_collections.foss_data.platform.tests.deployed import Repository, deploy_of, until
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import NAME, UNRULY

ASKED = 6
ROWS = "UNNEST(sequence(1, 10000))"
SLOW = f"SELECT count(*) FROM {ROWS} a (x), {ROWS} b (x), {ROWS} c (x), {ROWS} d (x) WHERE a.x + b.x + c.x + d.x = 7"
STATES = 'SELECT "user", state FROM system.runtime.queries WHERE query_id IN ({})'


def with_queries(repository: Repository, queries: int | None) -> None:
    """Change what the manifest says of them; with None it says nothing."""
    file = repository.folder / "pipeline.yml"
    manifest = {key: value for key, value in yaml.safe_load(file.read_text()).items() if key != "trino_queries"}
    file.write_text(yaml.safe_dump(manifest | ({"trino_queries": queries} if queries else {}), sort_keys=False))


@pytest.fixture
def running(tunnel, trino):
    """Begins six slow queries of each user at once; how many of each run while all others wait."""
    statements = f"http://127.0.0.1:{tunnel(8080)}/v1/statement"

    def begin(user: str) -> str:
        answer = requests.post(statements, data=SLOW, headers={"X-Trino-User": user}, timeout=30).json()
        # Trino takes it when its client asks for the first time; when it answers, the query runs or queues.
        requests.get(statements + answer["nextUri"].partition("/v1/statement")[2], timeout=30).raise_for_status()
        return answer["id"]

    def count(*users: str) -> dict[str, int]:
        begun = [begin(user) for _ in range(ASKED) for user in users]
        ids = ", ".join(f"'{query}'" for query in begun)
        try:

            def all_under_way() -> Counter | None:
                states = Counter(map(tuple, trino(STATES.format(ids))))
                return states if {state for _user, state in states} <= {"RUNNING", "QUEUED"} else None

            states = until(all_under_way, 60)
            assert sum(states.values()) == len(begun)
            return {user: states[user, "RUNNING"] for user in users}
        finally:
            for query in begun:
                trino(f"CALL system.runtime.kill_query('{query}', 'the test is over')")

    return count


@pytest.fixture
def kept(deployed):
    """The manifest as it was, for the tests that follow."""
    file = deployed.folder / "pipeline.yml"
    before = file.read_text()
    yield
    file.write_text(before)


def test_they_are_as_many_as_the_manifest_says(deployed, kept, parking, play, clean, running, trino, invocation):
    began = invocation("trino")
    with_queries(deployed, 1)
    with_queries(parking, 4)
    both = deploy_of(deployed, parking)
    done = play(*both)
    assert done.returncode == 0, done.stdout + done.stderr
    assert running(UNRULY, NAME) == {UNRULY: 1, NAME: 4}
    clean(*both)

    with_queries(deployed, 8)
    with_queries(parking, None)
    predicted, done = play(*both, "--check", "--diff"), play(*both, "--diff")
    for said in (predicted.stdout, done.stdout):
        assert "-1 at a time\n+8 at a time\n" in said
        assert "-4 at a time\n" in said
    assert done.returncode == 0, done.stdout + done.stderr
    # What the site lets every user have.
    assert running(UNRULY, NAME) == {UNRULY: 6, NAME: 4}

    done = play("playbooks/pipeline_rollback.yml", "-e", f"pipeline={UNRULY}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert trino("SELECT current_groups()", login=UNRULY) == [[["queries-1"]]]
    assert running(UNRULY, NAME) == {UNRULY: 1, NAME: 4}
    assert invocation("trino") == began


def test_more_than_the_site_has_is_refused(deployed, kept, refusal):
    with_queries(deployed, 8)
    assert "8 queries at a time (all users together have 4)" in refusal(*deployed.play, "-e", "trino_max_queries=4")
