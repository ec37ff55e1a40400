"""How many of a pipeline's queries Trino runs at a time is what its manifest says, and changes while Trino runs."""

import re
from collections import Counter

import pytest
import requests
import yaml
from ansible_collections.foss_data.platform.tests.deployed import CA, Repository, deploy_of, until
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import UNRULY

ASKED = 6
# More than its client is ever asked for: it runs, and takes no time of a processor.
SLOW = "SELECT a.x, b.x FROM UNNEST(sequence(1, 10000)) a (x), UNNEST(sequence(1, 10000)) b (x)"
STATES = 'SELECT "user", state FROM system.runtime.queries WHERE query_id IN ({})'


def with_queries(repository: Repository, queries: int | None) -> None:
    """Change what the manifest says of them; with None it says nothing."""
    file = repository.folder / "pipeline.yml"
    manifest = {key: value for key, value in yaml.safe_load(file.read_text()).items() if key != "trino_queries"}
    file.write_text(yaml.safe_dump(manifest | ({"trino_queries": queries} if queries else {}), sort_keys=False))


@pytest.fixture
def runs_at_a_time(tunnel, trino, trino_login, host, tmp_path_factory):
    """Begins six slow queries of each user at once, and waits until as many run as there should, while all others queue."""
    address = f"https://127.0.0.1:{tunnel(8443)}/v1"
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_text(host.file(CA).content_string)
    known = {"auth": (trino_login["user"], trino_login["password"]), "verify": authority, "timeout": 30}

    def begin(user: str) -> str:
        answer = requests.post(f"{address}/statement", data=SLOW, headers={"X-Trino-User": user}, **known).json()
        # Trino takes it when its client asks for the first time; when it answers, the query runs or queues.
        requests.get(address + answer["nextUri"].partition("/v1")[2], **known).raise_for_status()
        return answer["id"]

    def check(**users: int) -> None:
        begun = [begin(user) for _ in range(ASKED) for user in users]
        ids = ", ".join(f"'{query}'" for query in begun)
        expected = Counter({(user, "RUNNING"): number for user, number in users.items()})
        expected += Counter({(user, "QUEUED"): ASKED - number for user, number in users.items()})
        try:
            until(lambda: Counter(map(tuple, trino(STATES.format(ids)))) == expected, 60)
        finally:
            for query in begun:
                requests.delete(f"{address}/query/{query}", **known).raise_for_status()

    return check


@pytest.fixture
def kept(deployed):
    """The manifest as it was, for the tests that follow."""
    file = deployed.folder / "pipeline.yml"
    before = file.read_text()
    yield
    file.write_text(before)


def test_they_are_as_many_as_the_manifest_says(deployed, kept, parking, play, clean, runs_at_a_time, trino, invocation):
    began = invocation("trino")
    with_queries(deployed, 1)
    with_queries(parking, 4)
    both = deploy_of(deployed, parking)
    done = play(*both)
    assert done.returncode == 0, done.stdout + done.stderr
    runs_at_a_time(verify_unruly=1, stavanger_parking=4)
    clean(*both)

    with_queries(deployed, 2)
    with_queries(parking, None)
    predicted, done = play(*both, "--check", "--diff"), play(*both, "--diff")
    for said in (predicted.stdout, done.stdout):
        assert "-1 at a time\n+2 at a time\n" in said
        assert "-4 at a time\n" in said
    assert done.returncode == 0, done.stdout + done.stderr
    # What the site lets every user have.
    runs_at_a_time(verify_unruly=2, stavanger_parking=4)

    done = play("playbooks/pipeline_rollback.yml", "-e", f"pipeline={UNRULY}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert trino("SELECT current_groups()", login=UNRULY) == [[["queries-1"]]]
    runs_at_a_time(verify_unruly=1, stavanger_parking=4)
    assert invocation("trino") == began


def test_more_than_the_site_has_is_refused(deployed, kept, play):
    with_queries(deployed, 8)
    done = play(*deployed.play, "-e", "trino_max_queries=4")
    assert done.returncode
    assert "8 queries at a time (all users together have 4)" in done.stdout + done.stderr
    assert not re.search(r"changed=[1-9]", done.stdout), done.stdout
