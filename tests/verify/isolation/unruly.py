"""A pipeline that misbehaves on demand."""

from dataclasses import dataclass

from ansible_collections.foss_data.platform.plugins.module_utils.dagster import ENDED, Dagster
from ansible_collections.foss_data.platform.tests.deployed import until

NAME = "stavanger_parking"
UNRULY = "verify_unruly"
MEMORY_MB = 768
CPU_WEIGHT = 40
# In the place of the template's: little to import, and a job for each thing that a pipeline should not do. Each says when it is
# at its worst, and goes on until it is told to end, or for two minutes.
DEFINITIONS = '''"""Jobs that misbehave."""

import os
import signal
import time
from pathlib import Path

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    Definitions,
    DynamicPartitionsDefinition,
    RetryRequested,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)
from pipeline_shared import settings
from pipeline_shared.lake import connect

pipeline = settings.load(Path(__file__).resolve().parent.parent)
FOLDER = pipeline.data_dir / "verify"
LONGEST = 120  # seconds
if (FOLDER / "broken").exists():
    raise ImportError("the test broke it")


def hold(said, step=lambda: time.sleep(0.1)):
    (FOLDER / "begun").write_text(str(said))
    ends = time.monotonic() + LONGEST
    while not (FOLDER / "go").exists() and time.monotonic() < ends:
        step()


@op
def memory():
    (FOLDER / "begun").write_text("now")
    held = []
    while True:
        held.append(bytearray(2**24))


@op
def copies():
    (FOLDER / "begun").write_text("now")
    parent = os.getpid()
    while True:
        if not os.fork():
            held = bytearray(2**23)
            # It holds its memory until the run is killed, of which the kernel tells a copy nothing.
            while os.getppid() == parent:
                time.sleep(0.1)
            os._exit(len(held) % 2)


@op
def processes():
    children = []
    try:
        while len(children) < 5000:
            # Not a copy of this process: its memory would be at an end first.
            children.append(os.posix_spawn("/bin/sleep", ["sleep", str(2 * LONGEST)], {}))
    except BlockingIOError:
        hold(len(children))
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@op
def processor():
    children = []
    for _ in range(4 * os.cpu_count()):
        child = os.fork()
        if not child:
            signal.alarm(2 * LONGEST)
            while True:
                pass
        children.append(child)
    try:
        hold(len(children))
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@op
def temporary():
    written = {}
    for folder in "/tmp", "/var/tmp", str(pipeline.data_dir / "temp"):
        path = Path(folder, "verify-fill")
        try:
            with path.open("wb", buffering=0) as file:
                while file.tell() < 2**34:
                    file.write(bytes(2**20))
        except OSError as error:
            written[folder] = [path.stat().st_size >> 20, error.errno]
    hold(written)
    for folder in written:
        Path(folder, "verify-fill").unlink()


@op
def query():
    rows = "UNNEST(sequence(1, 10000))"
    endless = f"SELECT count(*) FROM {rows} a (x), {rows} b (x), {rows} c (x), {rows} d (x) WHERE a.x + b.x + c.x + d.x = 7"
    child = os.fork()
    if not child:
        signal.alarm(2 * LONGEST)
        with connect(pipeline) as lake:
            lake.query(endless)
        os._exit(0)
    try:
        hold(child)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@op
def nothing():
    hold("now")


@op
def everything(context):
    """All that a run writes to Dagster's storage, twice: what is added the first time is changed the second time."""
    asset, days = AssetKey(pipeline.asset_key("raw", "written")), DynamicPartitionsDefinition(name=f"{pipeline.name}/days")
    for turn in range(2):
        context.instance.add_dynamic_partitions(days.name, ["a", "b"])
        context.log_event(AssetMaterialization(asset, partition="a", tags={"turn": str(turn)}))
        context.log_event(AssetObservation(asset, partition="b"))
        for partition in None, "a":
            context.log_event(AssetCheckEvaluation(asset_key=asset, check_name="whole", passed=True, partition=partition))
        context.instance.add_run_tags(context.run_id, {"turn": str(turn), f"turn {turn}": "x"})
        context.instance.get_status_by_partition(asset, ["a", "b"], days)
    if not context.retry_number:
        raise RetryRequested(max_retries=1)


@op
def fault():
    raise RuntimeError("as it is told to")


def job_of(each):
    @job(name=f"do_{each.name}", executor_def=in_process_executor)
    def made():
        each()

    return made


jobs = [job_of(each) for each in (memory, copies, processes, processor, temporary, query, everything, fault, nothing)]
schedule = ScheduleDefinition(name=f"{pipeline.name}_schedule", job=jobs[-1], cron_schedule=pipeline.manifest["schedule"])
defs = Definitions(jobs=jobs, schedules=[schedule])
'''


def launch(dagster: Dagster, name: str, job: str) -> str:
    """Put a run of a pipeline into the queue; its id."""
    return dagster.launch(dagster.known(name), job, None, {}, {"verify": 1})


def ended(dagster: Dagster, run: str) -> str:
    """How a run ended, when it has."""
    return until(lambda: (state := dagster.run(run)["status"]) in ENDED and state, 300)


@dataclass(frozen=True)
class Unruly:
    """The pipeline on the host, and what it is told to do."""

    host: object
    dagster: Dagster
    folder: str

    @property
    def slice(self) -> str:
        """Its slice."""
        return f"pipelines-{UNRULY}.slice"

    def launch(self, job: str) -> str:
        """Begin a job; the run's id."""
        self.host.check_output(
            "rm --recursive --force %s && install -d -o pl-%s -g pl-%s %s", self.folder, UNRULY, UNRULY, self.folder
        )
        return self.again(job)

    def again(self, job: str) -> str:
        """Begin one more; the run's id."""
        return launch(self.dagster, UNRULY, job)

    def worst(self) -> str:
        """What it said when it was at its worst."""
        return until(lambda: self.host.run("cat %s/begun", self.folder).stdout, 120)

    def end(self, *runs: str) -> set[str]:
        """Tell it to end; how its runs did."""
        self.host.check_output("touch %s/go", self.folder)
        return {ended(self.dagster, run) for run in runs}
