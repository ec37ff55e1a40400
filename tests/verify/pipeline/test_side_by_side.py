"""A broken pipeline beside a good one in one play; then the good one runs by its schedule, and never twice at a time."""

import itertools
from dataclasses import dataclass
from subprocess import CompletedProcess

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import ENDED, Dagster
from ansible_collections.foss_data.platform.tests.deployed import Repository, copy_of_example, deploy_of, until

NAME = "verify_frequent"
MERGES = 5
# In the place of the template's: little to import, and writes that get into each other's way if two runs do.
DEFINITIONS = f'''"""One asset: it counts its runs in a table."""

from pathlib import Path

from dagster import AssetSelection, Definitions, ScheduleDefinition, asset, define_asset_job, in_process_executor
from pipeline_shared import settings
from pipeline_shared.lake import connect

pipeline = settings.load(Path(__file__).resolve().parent.parent)


@asset(key=pipeline.asset_key("raw", "counted"), pool=pipeline.name)
def counted() -> None:
    with connect(pipeline) as lake:
        table = lake.table("raw", "counted")
        lake.query(f"create table if not exists {{table}} as select 0 as merges")
        for _ in range({MERGES}):
            lake.query(f"merge into {{table}} as t using (values 1) on true when matched then update set merges = t.merges + 1")


job = define_asset_job(pipeline.name, selection=AssetSelection.all())
schedule = ScheduleDefinition(name=f"{{pipeline.name}}_schedule", job=job, cron_schedule=pipeline.manifest["schedule"])
defs = Definitions(assets=[counted], jobs=[job], schedules=[schedule], executor=in_process_executor)
'''
RUNS = """{ runsOrError(limit: 200) { __typename ... on Runs {
  results { runId status startTime endTime tags { key value } repositoryOrigin { repositoryLocationName } } } } }"""


@dataclass(frozen=True)
class Play:
    """A play over a broken pipeline and a good one, how the broken one was before, and which runs there were."""

    done: CompletedProcess
    good: Repository
    broken: Repository
    before: str
    runs_before: list[str]


def state_of(host, repository: Repository) -> str:
    """Which release a pipeline has, when it was proven, and which releases there are."""
    unit = f"pipeline@{repository.name}"
    proven = f"stat --format=%y /var/lib/foss-data-platform/started/{unit}"
    return host.check_output(f"readlink {repository.home}/current; ls {repository.home}/releases; {proven}")


@pytest.fixture(scope="module")
def both(root, host, play, from_template, dagster, tmp_path_factory):
    """Deployed in one play, the broken one first."""
    folder = tmp_path_factory.mktemp("both")
    broken = copy_of_example(root, folder / "broken")
    with (broken.folder / "orchestration" / "definitions.py").open("a") as definitions:
        definitions.write("\nimport no_such_module\n")
    with from_template(folder, NAME, schedule="* * * * *") as good:
        (good.folder / "orchestration" / "definitions.py").write_text(DEFINITIONS)
        # Its own tests are of the template's definitions.
        (good.folder / "tests" / "test_release.py").unlink()
        # Dagster remembers the runs of a pipeline of this name that is gone.
        before, runs_before = state_of(host, broken), [run["runId"] for run in runs(dagster)]
        yield Play(play(*deploy_of(broken, good)), good, broken, before, runs_before)


def runs(dagster: Dagster, without: list[str] | None = None) -> list[dict]:
    """Runs of the good one, the oldest first."""
    found = dagster.expect("Runs", RUNS)["results"]
    found = [run for run in found if (run["repositoryOrigin"] or {}).get("repositoryLocationName") == NAME]
    tagged = [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in reversed(found)]
    return [run for run in tagged if run["runId"] not in (without or [])]


@pytest.fixture(scope="module")
def scheduled(both, dagster) -> dict:
    """The first run that its schedule launched, when it has ended."""

    def ended() -> list[dict]:
        return [r for r in runs(dagster, both.runs_before) if r["tags"].get("dagster/schedule_name") and r["status"] in ENDED]

    # A minute until it is due, and some more for a busy machine.
    return until(ended, 300)[0]


def test_the_broken_one_holds_up_no_other(host, both):
    assert both.done.returncode, both.done.stdout
    # At the pipeline, and once more in the end, where it can't be overlooked.
    [_at_once, error] = [line for line in both.done.stdout.splitlines() if line.startswith("[ERROR]")]
    assert f"Not deployed: {both.broken.name}: " in error
    assert "No module named 'no_such_module'" in error
    assert both.good.name not in error
    assert state_of(host, both.broken) == both.before
    assert host.check_output("readlink %s/current", both.good.home) == f"releases/{both.good.release()}"
    assert host.run("systemctl is-failed pipeline@%s", both.good.name).rc != 0


def test_its_schedule_launches_runs(scheduled):
    assert scheduled["tags"]["dagster/schedule_name"] == f"{NAME}_schedule"
    assert scheduled["status"] == "SUCCESS"


def test_one_run_at_a_time(dagster, trino, both, scheduled):
    """Two at once would lose one: Trino refuses the second of two writers of a table (tests/verify/trino)."""
    location = dagster.known(NAME)
    # The second as "Materialize all" on Dagster's page does it, outside of the pipeline's job.
    launched = [dagster.launch(location, job, None, {}, {"verify": 1}) for job in (NAME, "__ASSET_JOB")]

    def all_ended() -> list[dict]:
        found = runs(dagster, both.runs_before)
        return found if all(run["status"] in ENDED for run in found) else []

    ended = until(all_ended, 300)
    assert {run["runId"] for run in ended} > set(launched)
    assert {run["status"] for run in ended} == {"SUCCESS"}
    began = sorted(ended, key=lambda run: run["startTime"])
    overlapping = [(one, other) for one, other in itertools.pairwise(began) if one["endTime"] > other["startTime"]]
    assert not overlapping
    assert trino(f"SELECT merges FROM iceberg.{NAME}_raw.counted", login=NAME) == [[MERGES * len(ended)]]
