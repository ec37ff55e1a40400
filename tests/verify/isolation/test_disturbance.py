"""While one pipeline misbehaves, others are served as before: their latency stays within one and a half times."""

import contextlib
import json
import threading

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import DagsterError
from ansible_collections.foss_data.platform.tests.deployed import until
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import NAME, UNRULY, ended, launch

FACTOR = 1.5
# Below this a difference is the machine's, not a neighbour's.
NOISE = 0.05  # seconds
QUEUED = 100
# What another pipeline's work is made of: its query, its objects, Dagster's storage, its code server by way of the webserver.
PROBE = """
import io, json, statistics, time, requests
from minio import Minio
from trino.auth import BasicAuthentication
from trino.dbapi import connect
own = values["own"]
keys = {"access_key": own["S3_ACCESS_KEY"], "secret_key": own["S3_SECRET_KEY"]}
s3 = Minio(endpoint="127.0.0.1:9010", secure=False, region="eu-north-1", **keys)
def ask(query):
    answer = requests.post("http://127.0.0.1:3000/graphql", json={"query": query}, timeout=60).json()
    assert answer.get("data"), answer
def read():
    login = BasicAuthentication(own["TRINO_USER"], own["TRINO_PASSWORD"])
    trino = connect(host="127.0.0.1", port=8443, http_scheme="https", verify=own["TRINO_CA"], user=own["TRINO_USER"], auth=login)
    trino.cursor().execute(values["sql"]).fetchall()
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

# Only a pipeline's own code can say it.
PLAN = """query($job: PipelineSelector!) {
  executionPlanOrError(pipeline: $job, mode: "default", runConfigData: {}) { __typename ... on PythonError { message } } }"""

CANCEL = """mutation($ids: [String!]!) {
  terminateRuns(runIds: $ids, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }"""


@pytest.fixture(scope="module")
def probe(on_host, own):
    """Median seconds of each part, over some attempts."""
    sql = f"SELECT count(*), max(fetched_at) FROM iceberg.{NAME}_raw.parking_fetches"
    return lambda times=15: json.loads(on_host(PROBE, own=own(NAME), sql=sql, times=times))


@pytest.fixture(scope="module")
def quiet(probe, unruly, filled) -> dict[str, float]:
    """While nobody misbehaves. The first attempts only warm up."""
    probe(3)
    return probe()


@pytest.fixture(scope="module")
def filled(dagster) -> None:
    """The other one has rows to read."""
    assert ended(dagster, launch(dagster, NAME, NAME)) == "SUCCESS"


def slower(quiet: dict[str, float], busy: dict[str, float]) -> dict[str, tuple[float, float]]:
    """What took too much longer, with the seconds before and now."""
    return {name: (quiet[name], busy[name]) for name in quiet if busy[name] > FACTOR * quiet[name] + NOISE}


@pytest.fixture
def no_query_left(trino):
    """Trino goes on for five minutes with a query whose client is gone."""
    yield
    running = f"SELECT query_id FROM system.runtime.queries WHERE \"user\" = '{UNRULY}' AND state NOT IN ('FINISHED', 'FAILED')"
    for (query,) in trino(running):
        trino(f"CALL system.runtime.kill_query('{query}', 'the test is over')")


@pytest.mark.parametrize("job", ["do_processes", "do_processor", "do_temporary", "do_query"])
def test_others_are_served_as_before(unruly, quiet, probe, no_query_left, job):
    run = unruly.launch(job)
    unruly.worst()
    busy = probe()
    unruly.end(run)
    print(f"{job}: quiet {quiet}, meanwhile {busy}")
    assert not slower(quiet, busy)


def test_a_memory_hog_again_and_again(unruly, quiet, probe):
    """Each is killed soon, so there is one after the other."""
    runs = [unruly.launch("do_memory"), *(unruly.again("do_memory") for _ in range(2))]
    unruly.worst()
    busy = probe()
    assert unruly.end(*runs) == {"FAILURE"}
    print(f"do_memory: quiet {quiet}, meanwhile {busy}")
    assert not slower(quiet, busy)


@pytest.fixture
def failing_import(host, unruly, dagster):
    """The unruly one does not load any more, and somebody asks for it again and again."""
    over = threading.Event()
    job = {"pipelineName": "do_nothing", "repositoryName": "__repository__", "repositoryLocationName": UNRULY}

    def ask():
        while not over.is_set():
            with contextlib.suppress(DagsterError):
                dagster.ask(PLAN, job=job)

    host.check_output("install -D /dev/null %s/broken && systemctl stop pipeline@%s", unruly.folder, UNRULY)
    asking = threading.Thread(target=ask)
    asking.start()
    yield
    over.set()
    asking.join()
    host.check_output("rm %s/broken", unruly.folder)
    until(lambda: unruly.end(unruly.launch("do_nothing")) == {"SUCCESS"}, 60)


def test_a_failing_import(host, quiet, probe, failing_import):
    """Each question starts a code server that ends at once."""
    failures = f"journalctl --quiet --unit=pipeline@{UNRULY} --grep='the test broke it' --output=cat --boot | wc --lines"
    before = int(host.check_output(failures))
    busy = probe()
    assert int(host.check_output(failures)) > before
    print(f"failing import: quiet {quiet}, meanwhile {busy}")
    assert not slower(quiet, busy)


def test_a_hundred_queued_runs_leave_room(unruly, quiet, probe, dagster):
    """Another's run does not wait behind them: it begins and ends while they are in the queue."""
    runs = [unruly.launch("do_nothing"), *(unruly.again("do_nothing") for _ in range(QUEUED - 1))]
    try:
        unruly.worst()
        busy = probe()
        assert ended(dagster, launch(dagster, NAME, NAME)) == "SUCCESS"
        waiting = [run for run in runs if dagster.run(run)["status"] == "QUEUED"]
        assert len(waiting) > QUEUED // 2
    finally:
        # Each of those that wait would be a process once.
        dagster.expect("TerminateRunsResult", CANCEL, ids=runs)
        unruly.end(*runs)
    assert not slower(quiet, busy)
