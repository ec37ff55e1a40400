"""While one pipeline misbehaves, others are served as before: their latency stays within one and a half times."""

import json

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import Dagster

from .conftest import NAME, UNRULY

FACTOR = 1.5
# Below this a difference is the machine's, not a neighbour's.
NOISE = 0.05  # seconds
QUEUED = 100
# What another pipeline's work is made of: its query, its objects, Dagster's storage, its code server by way of the webserver.
PROBE = """
import io, json, statistics, time, requests
from minio import Minio
from trino.dbapi import connect
own = values["own"]
s3 = Minio(endpoint="127.0.0.1:9010", access_key=own["S3_ACCESS_KEY"], secret_key=own["S3_SECRET_KEY"], secure=False, region="eu-north-1")
def ask(query):
    answer = requests.post("http://127.0.0.1:3000/graphql", json={"query": query}, timeout=60).json()
    assert answer.get("data"), answer
def read():
    connect(host="127.0.0.1", port=8080, user=own["TRINO_USER"]).cursor().execute(values["sql"]).fetchall()
def store():
    name = own["S3_PREFIX"] + "verify-probe"
    s3.put_object("lakehouse", name, io.BytesIO(bytes(2**16)), 2**16)
    s3.get_object("lakehouse", name).read()
    s3.remove_object("lakehouse", name)
def runs():
    ask("{ runsOrError(limit: 20) { ... on Runs { results { runId status } } } }")
def code():
    ask('mutation { reloadRepositoryLocation(repositoryLocationName: "%s") { __typename } }' % own["PIPELINE_NAME"])
took = {}
for _ in range(values["times"]):
    for probe in (read, store, runs, code):
        began = time.monotonic()
        probe()
        took.setdefault(probe.__name__, []).append(time.monotonic() - began)
print(json.dumps({name: statistics.median(seconds) for name, seconds in took.items()}))
"""


@pytest.fixture(scope="module")
def probe(on_host, own):
    """Median seconds of each part, over some attempts."""
    sql = f"SELECT count(*), max(fetched_at) FROM iceberg.{NAME}_raw.parking_fetches"
    return lambda times=15: json.loads(on_host(PROBE, own=own(NAME), sql=sql, times=times))


@pytest.fixture(scope="module")
def quiet(probe, unruly, limited, module_has_run) -> dict[str, float]:
    """While nobody misbehaves. The first attempts only warm up."""
    probe(3)
    return probe()


@pytest.fixture(scope="module")
def module_has_run(dagster: Dagster) -> None:
    """The other one has tables."""
    run = dagster.launch(dagster.known(NAME), NAME, None, {}, {"verify": 1})
    from ansible_collections.foss_data.platform.plugins.module_utils.dagster import ENDED
    from ansible_collections.foss_data.platform.tests.deployed import until

    assert until(lambda: (state := dagster.run(run)["status"]) in ENDED and state, 300) == "SUCCESS"


def slower(quiet: dict[str, float], busy: dict[str, float]) -> dict[str, tuple[float, float]]:
    """What took too much longer, with the seconds before and now."""
    return {name: (quiet[name], busy[name]) for name in quiet if busy[name] > FACTOR * quiet[name] + NOISE}


@pytest.mark.parametrize("job", ["do_processes", "do_processor", "do_temporary", "do_query"])
def test_others_are_served_as_before(unruly, quiet, probe, job):
    run = unruly.launch(job)
    unruly.worst()
    busy = probe()
    unruly.end(run)
    print(f"{job}: quiet {quiet}, meanwhile {busy}")
    assert not slower(quiet, busy)


def test_a_memory_hog_again_and_again(unruly, quiet, probe):
    """It is killed before the probe has ended, so there is one after the other."""
    runs = [unruly.launch("do_memory"), *(unruly.again("do_memory") for _ in range(9))]
    unruly.worst()
    busy = probe()
    assert unruly.end(*runs) == {"FAILURE"}
    print(f"do_memory: quiet {quiet}, meanwhile {busy}")
    assert not slower(quiet, busy)


def test_a_hundred_queued_runs_leave_room(unruly, quiet, probe, dagster, host):
    """Another's run does not wait behind them: it begins and ends while they are in the queue."""
    runs = [unruly.launch("do_nothing"), *(unruly.again("do_nothing") for _ in range(QUEUED - 1))]
    try:
        unruly.worst()
        busy = probe()
        mine = dagster.launch(dagster.known(NAME), NAME, None, {}, {"verify": 1})
        from ansible_collections.foss_data.platform.plugins.module_utils.dagster import ENDED
        from ansible_collections.foss_data.platform.tests.deployed import until

        assert until(lambda: (state := dagster.run(mine)["status"]) in ENDED and state, 300) == "SUCCESS"
        waiting = [run for run in runs if dagster.run(run)["status"] == "QUEUED"]
        assert len(waiting) > QUEUED // 2
    finally:
        # Those that wait would each be a process: they go without one.
        host.check_output("runuser -u postgres -- psql --quiet --dbname dagster --command %s", END_QUEUED)
        unruly.end(*[run for run in runs if dagster.run(run)["status"] not in ("QUEUED", "CANCELED")])
    assert not slower(quiet, busy)


END_QUEUED = f"""UPDATE runs SET status = 'CANCELED' WHERE status = 'QUEUED' AND run_id IN (
  SELECT run_id FROM run_tags WHERE key = 'dagster/code_location' AND value = '{UNRULY}')"""
