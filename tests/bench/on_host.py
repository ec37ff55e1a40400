"""What the bench measures on the host itself. `run.py` copies it there; each command prints one JSON value on standard output.
Those that ask Trino read its administrator's password from standard input.

on_host.py rest                                    wait until the host is at rest
on_host.py memory                                  PSS in MiB by unit
on_host.py start REPEAT UNIT...                    seconds from a unit's start to its being active
on_host.py disk PIPELINE...                        MB on disk by pipeline
on_host.py page REPEAT                             seconds of the question that Dagster's list of code locations asks
on_host.py wake REPEAT PIPELINE...                 seconds of a question to a pipeline's code, asleep and awake
on_host.py rows SCHEMA CATALOG                     rows in each table of a schema
on_host.py load SCALE SCHEMA FOLDER                TPC-H tables into Iceberg, and their files into FOLDER
on_host.py trino REPEAT SCHEMA                     query times
on_host.py duckdb REPEAT FOLDER MEMORY_MB          query times over the same files
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CATALOG, BUCKET_ENDPOINT = "iceberg", "127.0.0.1:9010"
TICKS = os.sysconf("SC_CLK_TCK")
# At rest: the host's processes together use less than this share of one core over so many seconds. Dagster's daemon and
# webserver look around all the time, so it is never zero; a run of a pipeline takes a whole core.
REST_SHARE, REST_WINDOW, REST_PATIENCE = 0.25, 20, 900
PREFIXES = {
    "customer": "c_",
    "lineitem": "l_",
    "nation": "n_",
    "orders": "o_",
    "part": "p_",
    "partsupp": "ps_",
    "region": "r_",
    "supplier": "s_",
}


def say(line: str) -> None:
    """Progress, seen on the control side."""
    print(f"    {line}", file=sys.stderr, flush=True)


def read(path: Path) -> str:
    """Text of a file below /proc; empty if its process is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def processes() -> list[Path]:
    """Folders of all processes."""
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


# -- memory


def cpu_seconds() -> float:
    """Processor time that all processes of this host have used, children that ended included."""
    total = 0
    for process in processes():
        fields = read(process / "stat").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def rest() -> dict:
    """Wait until the host is at rest; says so if it never was."""
    deadline = time.monotonic() + REST_PATIENCE
    while True:
        before, began = cpu_seconds(), time.monotonic()
        time.sleep(REST_WINDOW)
        share = max(cpu_seconds() - before, 0) / (time.monotonic() - began)
        say(f"{share:.2f} of a core in use")
        if share < REST_SHARE or time.monotonic() > deadline:
            return {"rested": share < REST_SHARE, "share_of_a_core": round(share, 3), "window_seconds": REST_WINDOW}


def unit_of(cgroup: str) -> str:
    """The systemd unit in the text of /proc/PID/cgroup."""
    units = re.findall(r"/([^/\n]+\.(?:service|scope))", cgroup)
    return units[-1].removesuffix(".service") if units else "(no unit)"


def memory() -> dict:
    """MiB of PSS by unit: pages that several processes share are divided among them."""
    found: dict[str, float] = {}
    for process in processes():
        pss = re.search(r"^Pss:\s+(\d+) kB", read(process / "smaps_rollup"), re.MULTILINE)
        if pss:
            unit = unit_of(read(process / "cgroup"))
            found[unit] = found.get(unit, 0) + int(pss.group(1)) / 1024
    return {unit: round(mib, 1) for unit, mib in sorted(found.items())}


# -- start-up


def systemctl(*arguments: str) -> str:
    """Output of systemctl; its failure ends the bench."""
    return subprocess.run(["systemctl", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def start(repeat: str, *units: str) -> dict:
    """Seconds, by unit: ``start`` as systemd noted it, the readiness probe included, and ``restart``, the stop included."""
    found = {}
    for unit in units:
        times: dict[str, list] = {"start": [], "restart": []}
        for _ in range(int(repeat)):
            began = time.monotonic()
            systemctl("restart", unit)
            times["restart"].append(round(time.monotonic() - began, 2))
            stamps = systemctl("show", "--property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic", unit)
            left, entered = (int(re.search(rf"{name}TimestampMonotonic=(\d+)", stamps).group(1)) for name in ("Exit", "Enter"))
            times["start"].append(round((entered - left) / 1e6, 2))
            # What lost its connection gets up again before the next is measured.
            for other in units:
                systemctl("start", other)
        say(f"{unit}: {', '.join(f'{s} s' for s in times['start'])}")
        found[unit] = times
    return found


# -- pipelines

LOCATIONS = """{ workspaceOrError { __typename ... on Workspace { locationEntries { id name loadStatus updatedTimestamp
  displayMetadata { key value } locationOrLoadError { __typename ... on PythonError { message } ... on RepositoryLocation {
  id name serverId repositories { id name pipelines { id name isJob isAssetJob } schedules { id name cronSchedule
  scheduleState { id status } } sensors { id name } assetGroups { id groupName } } } } } } } }"""
PLAN = """query($job: PipelineSelector!) { executionPlanOrError(pipeline: $job, mode: "default", runConfigData: {}) {
  __typename ... on PythonError { message } ... on Error { message } } }"""


def disk(*pipelines: str) -> dict:
    """MB that each pipeline has on the disk for itself alone."""
    found = {}
    for name in pipelines:
        folders = [f"{parent}/{name}" for parent in ("/srv/pipelines", "/var/lib/pipelines", "/etc/pipelines")]
        folders += [path for path in (f"/var/lib/pipeline-porter/{name}",) if Path(path).exists()]
        shown = subprocess.run(["du", "-sc", "--block-size=1", *folders], check=True, stdout=subprocess.PIPE, text=True).stdout
        found[name] = round(int(shown.splitlines()[-1].split()[0]) / 1e6, 2)
    return found


def dagster(query: str, wanted: str, **variables: object) -> dict:
    """The only field of what Dagster answers, which has to be of type ``wanted``."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request("http://127.0.0.1:3000/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        (found,) = json.load(response)["data"].values()
    if found["__typename"] != wanted:
        raise SystemExit(f"Dagster answered {json.dumps(found)[:1000]}")
    return found


def page(repeat: str) -> list[float]:
    """Seconds, each time; a location that can't be loaded ends the bench."""
    seconds = []
    for _ in range(int(repeat)):
        began = time.monotonic()
        entries = dagster(LOCATIONS, "Workspace")["locationEntries"]
        seconds.append(round(time.monotonic() - began, 2))
        broken = [e["name"] for e in entries if (e["locationOrLoadError"] or {}).get("__typename") != "RepositoryLocation"]
        if broken:
            raise SystemExit(f"not loaded: {', '.join(broken)}")
    return seconds


def wake(repeat: str, *pipelines: str) -> dict:
    """Seconds until the plan of a pipeline's job is there, which only its own code can make."""
    found: dict[str, list] = {"asleep": [], "awake": []}
    for name in list(pipelines) * int(repeat):
        systemctl("stop", f"pipeline@{name}")
        for state in ("asleep", "awake"):
            began = time.monotonic()
            job = {"pipelineName": name, "repositoryName": "__repository__", "repositoryLocationName": name}
            dagster(PLAN, "ExecutionPlan", job=job)
            found[state].append(round(time.monotonic() - began, 2))
    return found


# -- TPC-H


def queries() -> dict[str, str]:
    """The statements of tpch.sql by name."""
    parts = re.split(r"^-- (q\d\d)$", (HERE / "tpch.sql").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def trino_cursor(schema: str, catalog: str = CATALOG):
    """A cursor of the platform's administrator."""
    import trino

    login = trino.auth.BasicAuthentication("platform", sys.stdin.readline().strip())
    secure = {"port": 8443, "http_scheme": "https", "verify": "/etc/certificates/ca.pem"}
    return trino.dbapi.connect(host="127.0.0.1", **secure, user="platform", auth=login, catalog=catalog, schema=schema).cursor()


def ask(cursor, statement: str) -> list:
    """All rows of a statement."""
    cursor.execute(statement)
    return cursor.fetchall()


def rows(schema: str, catalog: str) -> dict:
    """Rows in each table of a schema."""
    cursor = trino_cursor(schema, catalog)
    return {table: ask(cursor, f'SELECT count(*) FROM "{table}"')[0][0] for (table,) in ask(cursor, "SHOW TABLES")}


def load(scale: str, schema: str, folder: str) -> dict:
    """By table: seconds to write it from the generator into Iceberg, rows, files, bytes. Money is decimal, as in TPC-H."""
    cursor = trino_cursor(schema)
    ask(cursor, f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{schema}")
    shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for table, prefix in PREFIXES.items():
        ask(cursor, f"DROP TABLE IF EXISTS {table}")
        columns = [
            f"CAST({name} AS decimal(12, 2)) AS {prefix}{name}" if kind == "double" else f"{name} AS {prefix}{name}"
            for name, kind, *_ in ask(cursor, f"SHOW COLUMNS FROM tpch.{scale}.{table}")
        ]
        began = time.monotonic()
        ask(cursor, f"CREATE TABLE {table} AS SELECT {', '.join(columns)} FROM tpch.{scale}.{table}")
        seconds = time.monotonic() - began
        files = ask(cursor, f'SELECT file_path, file_size_in_bytes, record_count FROM "{table}$files" ORDER BY 1')
        found[table] = {
            "seconds": round(seconds, 2),
            "rows": sum(f[2] for f in files),
            "files": len(files),
            "bytes": sum(f[1] for f in files),
        }
        say(f"{table}: {found[table]['rows']} rows in {seconds:.1f} s")
        copy_from_object_store([f[0] for f in files], Path(folder) / table)
    return found


def copy_from_object_store(addresses: list[str], folder: Path) -> None:
    """Copy s3:// objects to the local disk, with the keys that Trino itself has."""
    from minio import Minio

    keys = dict(re.findall(r'^(S3_\w+)="(.*)"$', Path("/etc/trino/trino.env").read_text(encoding="utf-8"), re.MULTILINE))
    client = Minio(endpoint=BUCKET_ENDPOINT, access_key=keys["S3_ACCESS_KEY"], secret_key=keys["S3_SECRET_KEY"], secure=False)
    folder.mkdir(parents=True)
    for number, address in enumerate(addresses):
        bucket, _, name = address.removeprefix("s3://").partition("/")
        client.fget_object(bucket_name=bucket, object_name=name, file_path=str(folder / f"{number:03}.parquet"))


def plain(value: object) -> object:
    """A cell that JSON can carry; a number as a float, whatever type the engine gave it."""
    return value if value is None or isinstance(value, str) else str(value) if hasattr(value, "isoformat") else float(value)


def timed(name: str, repeat: int, run) -> dict:
    """Seconds of each of ``repeat`` runs, all rows fetched, and the rows of the last."""
    seconds, answer = [], []
    for _ in range(repeat):
        began = time.monotonic()
        answer = run()
        seconds.append(round(time.monotonic() - began, 3))
    say(f"{name}: {', '.join(f'{s:.2f}' for s in seconds)} s, {len(answer)} rows")
    return {"seconds": seconds, "rows": [[plain(cell) for cell in row] for row in answer]}


def trino(repeat: str, schema: str) -> dict:
    """Each query through Trino. One run of all before anything is timed, so that its code is compiled."""
    cursor = trino_cursor(schema)
    statements = queries()
    say("warming up")
    for statement in statements.values():
        ask(cursor, statement)
    return {name: timed(name, int(repeat), lambda s=statement: ask(cursor, s)) for name, statement in statements.items()}


def duckdb(repeat: str, folder: str, memory_mb: str) -> dict:
    """Each query in DuckDB over the Parquet files that Trino wrote. One run of all before anything is timed."""
    import duckdb as engine

    connection = engine.connect(config={"memory_limit": f"{memory_mb}MB", "threads": os.cpu_count()})
    for table in PREFIXES:
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{folder}/{table}/*.parquet')")
    statements = queries()
    say(f"warming up, DuckDB {engine.__version__}")
    for statement in statements.values():
        connection.execute(statement).fetchall()
    found = {
        name: timed(name, int(repeat), lambda s=statement: connection.execute(s).fetchall())
        for name, statement in statements.items()
    }
    return {"version": engine.__version__, "queries": found}


COMMANDS = {command.__name__: command for command in (rest, memory, start, disk, page, wake, rows, load, trino, duckdb)}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
