#!/usr/bin/env python3
"""Measure the platform on a stand-in VPS of its own, and write docs/BENCHMARKS.md and docs/benchmarks.json.

    make bench                             all parts, about half an hour on two cores; removes the stand-in afterwards
    tests/bench/run.py memory              only that part, on the stand-in that is there (or on a new one)
    tests/bench/run.py tpch --scale tiny --out /tmp/trial     try a part without touching the record

Parts, in this order:
    deploy     cold deploy of the core on a blank stand-in, every artifact in the cache
    rerun      second run, nothing to do
    memory     memory at rest by unit (PSS), core with one pipeline
    start      start-up time of each service, until its readiness probe passes
    template   a new pipeline's repository from the template
    pipeline   that repository on the platform: code location loaded, first rows read through Trino
    tpch       TPC-H on Iceberg through Trino, and the same queries in DuckDB over the same Parquet files
    fifty      fifty pipelines from the template, on a stand-in of 16 GB of their own, which is removed afterwards

Figures of parts that were not run stay as they were, each with the date and the noise that it was measured under.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fifty
import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
UNITS = ["postgresql@15-main", "minio", "hive-metastore", "trino", "dagster-webserver", "dagster-daemon"]
EXAMPLE = "stavanger_parking"
NEW = "bench"  # numbers follow
# The example's feed and what a stand-in brings along are no part of the core.
FOLDER, SCHEMA = "/var/tmp/bench", "bench_tpch"
TOOLS_PYTHON = "/opt/tools/current/bin/python"
TOLERANCE = 0.0101  # averages of decimals are decimals of two digits in Trino, doubles in DuckDB
# The figures to reach, from the project's requirements: part, what, at the most, unit.
TARGETS = {
    "deploy": ("cold core deploy, artifacts cached", 360, "s"),
    "rerun": ("second run, nothing to do", 60, "s"),
    "template": ("template to repository", 2, "s"),
    "loaded": ("new pipeline: playbook start to code location loaded", 30, "s"),
    "rows": ("new pipeline: playbook start to first rows from Trino", 60, "s"),
    "memory": ("memory at rest, core with one pipeline (2.5 GB)", 2384, "MiB"),
    **fifty.TARGETS,
}


class BenchError(Exception):
    """One sentence that says what went wrong."""


class Bench:
    """A stand-in, how to reach it, and what is asked of it."""

    def __init__(self, standin: str, repeat: int, scale: str):
        self.standin, self.repeat, self.scale = standin, repeat, scale
        self.folder = ROOT / ".sandbox" / standin
        self.logs = ROOT / ".cache" / "bench"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.has_core = self.has_example = False

    # -- running things

    def local(self, label: str, command: list[str], **environment: str) -> tuple[float, str]:
        """Seconds and output of a command on this machine. Its failure is a BenchError that shows the end of its log."""
        log = self.logs / f"{re.sub(r'[^a-z0-9]+', '-', label.lower())}.log"
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"STANDIN": self.standin, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        seconds = round(time.monotonic() - began, 2)
        log.write_text(done.stdout, encoding="utf-8")
        if done.returncode:
            raise BenchError(f"{label}: {' '.join(command)} failed, see {log}. Its end:\n" + done.stdout[-3000:])
        say(f"{label}: {seconds} s")
        return seconds, done.stdout

    def playbook(self, label: str, name: str, *extra: str) -> dict:
        """Run a playbook against the stand-in: seconds, tasks that changed something, and seconds by role."""
        report = self.logs / "roles.jsonl"
        report.unlink(missing_ok=True)
        seconds, output = self.local(label, ["ansible-playbook", name, *extra], ROLE_BUDGET_REPORT=str(report))
        recap = output.rpartition("PLAY RECAP")[2]
        changed = sum(map(int, re.findall(r"changed=(\d+)", recap)))
        roles = json.loads(report.read_text().splitlines()[-1])["roles"] if report.exists() else {}
        return {"seconds": seconds, "changed": changed, "roles": {role: figures["seconds"] for role, figures in roles.items()}}

    def host(self, python: str, *arguments: str) -> dict:
        """The JSON that a command of on_host.py prints there; its progress is shown."""
        ssh = ["ssh", "-F", str(self.folder / "ssh_config"), self.standin]
        names = ("on_host.py", "tpch.sql")
        with subprocess.Popen(["tar", "-C", str(HERE), "-c", *names], stdout=subprocess.PIPE) as tar:
            subprocess.run([*ssh, f"mkdir -p {FOLDER} && tar -x -C {FOLDER}"], stdin=tar.stdout, check=True)
        done = subprocess.run(
            [*ssh, f"{python} {FOLDER}/on_host.py {' '.join(arguments)}"],
            input=trino_password(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"on the stand-in, `on_host.py {' '.join(arguments)}` failed: see above")
        return json.loads(done.stdout)

    # -- what parts stand on

    def create(self, blank: bool, memory: str = "8g") -> None:
        """A stand-in; a blank one if asked for."""
        if blank and self.folder.exists():
            self.destroy()
        self.local("create the stand-in", ["ansible-playbook", "infrastructure/standin/create.yml"], STANDIN_MEMORY=memory)

    def destroy(self) -> None:
        """Remove the stand-in."""
        self.local("remove the stand-in", ["ansible-playbook", "infrastructure/standin/destroy.yml"])

    def warm_cache(self) -> None:
        """Every artifact fetched and built, and the credentials there."""
        self.local("fetch what is not in the cache", ["scripts/artifacts.py", "fetch"])
        self.local("prepare credentials", ["scripts/make_secrets.py", "inventories/sandbox"])

    def core(self) -> None:
        """The core, if no earlier part has deployed it."""
        if not self.has_core:
            self.warm_cache()
            self.create(blank=False)
            self.playbook("deploy the core", "site.yml")
            self.has_core = True

    def example(self) -> None:
        """The core with the example pipeline, which has run once."""
        self.core()
        if not self.has_example:
            self.playbook("serve the example's feed", "infrastructure/standin/feed.yml")
            self.playbook("deploy the example pipeline", "playbooks/pipelines.yml")
            self.playbook("run the example pipeline", "playbooks/show.yml")
            self.has_example = True

    # -- the parts

    def deploy(self) -> dict:
        """Cold deploy on a blank host. Debian's packages come from where earlier stand-ins have left them."""
        self.warm_cache()
        self.create(blank=True)
        deployed = self.playbook("deploy the core on a blank host", "site.yml")
        self.has_core = True
        return deployed

    def rerun(self) -> dict:
        """Runs with nothing to do, of the core and of the pipelines. A change is a fault."""
        self.example()
        core = [self.playbook(f"core again, {i + 1} of {self.repeat}", "site.yml") for i in range(self.repeat)]
        pipelines = [
            self.playbook(f"pipelines again, {i + 1} of {self.repeat}", "playbooks/pipelines.yml") for i in range(self.repeat)
        ]
        return {"core": core, "pipelines": pipelines}

    def memory(self) -> dict:
        """PSS by unit once the host has come to rest; every service has been used before."""
        self.example()
        say("waiting until the stand-in is at rest")
        rest = self.host("/usr/bin/python3", "rest")
        units = self.host("/usr/bin/python3", "memory")
        core = [*UNITS, f"pipeline@{EXAMPLE}"]
        missing = [unit for unit in core if unit not in units]
        if missing:
            raise BenchError(f"not running on the stand-in: {', '.join(missing)}")
        return {"rest": rest, "core": {unit: units.pop(unit) for unit in core}, "others": units}

    def start(self) -> dict:
        """Start-up of each unit until it counts as active."""
        self.example()
        say("waiting until the stand-in is at rest")
        self.host("/usr/bin/python3", "rest")
        return self.host("/usr/bin/python3", "start", str(self.repeat), *UNITS, f"pipeline@{EXAMPLE}")

    def generate(self, folder: Path, name: str, **more: str) -> tuple[float, Path]:
        """A repository from the template, with more answers to its questions: seconds and where it is."""
        answers = {"name": name, "title": name.replace("_", " ").capitalize(), **more}
        command = ["cookiecutter", "--no-input", "--output-dir", str(folder), "cookiecutter-pipeline"]
        seconds, _ = self.local(f"make {name} from the template", [*command, *(f"{k}={v}" for k, v in answers.items())])
        made = folder / name
        if not (made / "pipeline.yml").exists():
            raise BenchError(f"the template did not make {made}/pipeline.yml")
        return seconds, made

    def template(self) -> dict:
        """Repositories from the template."""
        with tempfile.TemporaryDirectory() as folder:
            return {"seconds": [self.generate(Path(folder), f"{NEW}_{i + 1}")[0] for i in range(self.repeat)]}

    def pipeline(self) -> dict:
        """New pipelines, one after the other, on a platform that has one already."""
        self.example()
        found = {"loaded": [], "rows": [], "tables": []}
        with tempfile.TemporaryDirectory() as folder:
            for i in range(self.repeat):
                # A number that no earlier bench on this stand-in has used.
                name = f"{NEW}_{int(time.time())}_{i + 1}"
                _, made = self.generate(Path(folder), name)
                manifest = yaml.safe_load((made / "pipeline.yml").read_text(encoding="utf-8"))
                extra = json.dumps({"pipelines": [{"path": str(made)}], "pipeline_settings": {}})
                loaded = self.playbook(f"deploy {name}", "playbooks/pipelines.yml", "-e", extra)["seconds"]
                shown = self.playbook(f"run {name} and read its rows", "playbooks/show.yml", "-e", extra)["seconds"]
                tables = self.host(TOOLS_PYTHON, "rows", f"{name}_{manifest['schemas'][-1]}", manifest["format"])
                if not any(tables.values()):
                    raise BenchError(f"{name} ran, but its tables have no rows: {tables}")
                found["loaded"].append(loaded)
                found["rows"].append(round(loaded + shown, 2))
                found["tables"].append(tables)
        return found

    def tpch(self) -> dict:
        """TPC-H through Trino and in DuckDB; both have to give the same rows."""
        self.example()
        data = f"{FOLDER}/{self.scale}"
        say(f"writing TPC-H {self.scale} into Iceberg")
        tables = self.host(TOOLS_PYTHON, "load", self.scale, SCHEMA, data)
        say("queries through Trino")
        trino = self.host(TOOLS_PYTHON, "trino", str(self.repeat), SCHEMA)
        # The ceiling of Trino's unit, so that both may use as much.
        _, shown = self.ssh("systemctl show --property=MemoryMax --value trino; ls -d /opt/pipeline-envs/*/bin/python")
        limit, python, *_ = shown.split()
        memory_mb = int(limit) // 1024**2
        say(f"queries in DuckDB, {memory_mb} MiB")
        duckdb = self.host(python, "duckdb", str(self.repeat), data, str(memory_mb))
        found = {
            "scale": self.scale,
            "tables": tables,
            "memory_mb": memory_mb,
            "duckdb_version": duckdb["version"],
            "queries": {},
        }
        for name, answer in trino.items():
            other = duckdb["queries"][name]
            found["queries"][name] = {
                "trino": answer["seconds"],
                "duckdb": other["seconds"],
                "rows": len(answer["rows"]),
                "same": same(answer["rows"], other["rows"]),
            }
        return found

    def fifty(self) -> dict:
        """Fifty pipelines, on a stand-in of their own."""
        return fifty.measure(Bench(f"{self.standin}-fifty", self.repeat, self.scale))

    def ssh(self, command: str) -> tuple[float, str]:
        """Run a plain command on the stand-in."""
        return self.local("ask the stand-in", ["ssh", "-F", str(self.folder / "ssh_config"), self.standin, command])


def same(one: list[list], other: list[list]) -> bool:
    """Whether two answers are equal, whatever the order of rows that are equal by the query's own order."""

    def rounded(rows: list[list]) -> list[list]:
        return sorted(rows, key=lambda row: [str(round(c)) if isinstance(c, float) else str(c) for c in row])

    return len(one) == len(other) and all(
        len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(rounded(one), rounded(other), strict=True)
    )


def close(x: object, y: object) -> bool:
    """Equal, or two numbers that differ by no more than the engines' arithmetic does."""
    if isinstance(x, float) and isinstance(y, float):
        return abs(x - y) <= TOLERANCE + 1e-9 * abs(x)
    return x == y


def trino_password() -> str:
    """The administrator's, on standard input of what asks Trino."""
    secrets = ROOT / "inventories/sandbox/group_vars/all/secrets.sops.yaml"
    return subprocess.check_output(["sops", "decrypt", "--extract", '["secret_trino_admin"]', str(secrets)], text=True)


def say(line: str) -> None:
    """Progress."""
    print(f"  {line}", flush=True)


# -- the machine


def first(pattern: str, path: str) -> str:
    """The first match in a file; empty if there is none."""
    found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1).strip() if found else ""


def machine() -> dict:
    """What the figures were measured on."""
    return {
        "cpu": first(r"^model name\s*:\s*(.*)$", "/proc/cpuinfo") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(first(r"^MemTotal:\s+(\d+)", "/proc/meminfo")) // 1024,
        # Without the build, which a hoster renames with each that it makes.
        "kernel": platform.release().partition("-")[0],
        "system": first(r'^PRETTY_NAME="?([^"\n]*)', "/etc/os-release"),
        "standin": "Debian 12, systemd as PID 1, limited to 8 GB",
    }


def cpu_times() -> tuple[int, int, int]:
    """Ticks in all, idle, and stolen by the hypervisor since the machine started."""
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4], fields[7]


def noise() -> dict:
    """What else goes on, sampled while the bench itself does nothing; and how even a fixed piece of work is."""
    before = cpu_times()
    time.sleep(5)
    total, idle, stolen = (b - a for a, b in zip(before, cpu_times(), strict=True))
    block, times = b"x" * (1 << 26), []
    for _ in range(7):
        began = time.monotonic()
        hashlib.sha256(block).digest()
        times.append(time.monotonic() - began)
    return {
        "load": round(os.getloadavg()[0], 2),
        "busy_percent": round(100 * (total - idle) / total, 1),
        "stolen_percent": round(100 * stolen / total, 1),
        "fixed_work_spread_percent": round(100 * (max(times) / min(times) - 1), 1),
    }


# -- the page


def spread(values: list[float], digits: int = 1) -> str:
    """Median and, of several, the least and the most."""
    text = f"{statistics.median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def measured(parts: dict) -> dict[str, list[float]]:
    """The values beside each target, of the parts that were run."""
    data = {name: part["data"] for name, part in parts.items()}
    found = {}
    if "deploy" in data:
        found["deploy"] = [data["deploy"]["seconds"]]
    if "rerun" in data:
        found["rerun"] = [run["seconds"] for run in data["rerun"]["core"]]
    if "template" in data:
        found["template"] = data["template"]["seconds"]
    if "pipeline" in data:
        found |= {key: data["pipeline"][key] for key in ("loaded", "rows")}
    if "memory" in data:
        found["memory"] = [round(sum(data["memory"]["core"].values()), 1)]
    if "fifty" in data:
        found |= fifty.measured(data["fifty"])
    return found


def verdict(key: str, values: list[float], parts: dict) -> str:
    """met or missed; a run that should change nothing and did has missed."""
    met = statistics.median(values) <= TARGETS[key][1]
    if key == "rerun" and any(run["changed"] for run in parts["rerun"]["data"]["core"]):
        return "**missed** (it changed something)"
    if key == "fifty_again" and any(run["changed"] for run in parts["fifty"]["data"]["again"]):
        return "**missed** (it changed something)"
    if key == "memory" and not parts["memory"]["data"]["rest"]["rested"]:
        return f"{'met' if met else '**missed**'} (the host never came to rest)"
    return "met" if met else "**missed**"


def table(head: list[str], rows: list[list]) -> list[str]:
    """A Markdown table."""
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
        "",
    ]


def page(record: dict) -> str:
    """The text of BENCHMARKS.md."""
    parts, about = record["parts"], record["machine"]
    lines = ["# Benchmarks", "", "<!-- Written by `make bench` (tests/bench/run.py) from benchmarks.json. -->", ""]
    lines += [
        f"Measured on {about['cpu']}, {about['cores']} cores, {about['memory_mib']} MiB of memory, Linux {about['kernel']}, "
        f"{about['system']}. The host is a stand-in VPS on that machine: {about['standin']}.",
        "",
        "Of several runs the median is given, then the least and the most; met or missed goes by the median.",
        "",
        "## Against the figures to reach",
        "",
    ]
    values = measured(parts)
    rows = []
    for key, (what, most, unit) in TARGETS.items():
        if key in values:
            rows.append([what, f"{most} {unit}", f"{spread(values[key])} {unit}", verdict(key, values[key], parts)])
        else:
            rows.append([what, f"{most} {unit}", "not measured", ""])
    lines += table(["", "at the most", "measured", ""], rows)
    lines += [
        "`make sandbox` on a fresh machine (at the most 20 min) prints its own times; a bench would have to empty the caches.",
        "",
    ]
    for name in PARTS:
        if name in parts:
            lines += SECTIONS[name](parts[name]["data"])
    lines += ["## When, and beside what noise", ""]
    lines += [
        "Before each part the machine is watched for five seconds while the bench does nothing. The fixed work is the same sum "
        "over 64 MiB, seven times: how much the slowest took more than the fastest.",
        "",
    ]
    head = ["part", "begun (UTC)", "took", "load before", "cores busy before", "stolen", "fixed work varies by"]
    lines += table(
        head,
        [
            [
                name,
                part["began"],
                f"{part['seconds']:.0f} s",
                part["noise"]["load"],
                f"{part['noise']['busy_percent']} %",
                f"{part['noise']['stolen_percent']} %",
                f"{part['noise']['fixed_work_spread_percent']} %",
            ]
            for name, part in ((n, parts[n]) for n in PARTS if n in parts)
        ],
    )
    lines += [
        "## How to repeat",
        "",
        "    make bench                          # everything, on a stand-in of its own, which is removed afterwards",
        "    tests/bench/run.py --help           # single parts, a smaller scale, another place for the results",
        "",
        "`make bench` needs what `make sandbox` needs, 8 GB of memory for its stand-in, and a machine that does nothing else.",
        "",
    ]
    return "\n".join(lines)


def section_deploy(data: dict) -> list[str]:
    """Where the cold deploy's time goes."""
    rows = [[role.removeprefix("foss_data.platform."), f"{seconds:.1f}"] for role, seconds in data["roles"].items()]
    return ["## Cold deploy", "", f"{data['changed']} tasks changed something.", "", *table(["role", "seconds"], rows)]


def section_rerun(data: dict) -> list[str]:
    """Second runs."""
    rows = [
        [f"`{name}`", spread([run["seconds"] for run in data[key]]), ", ".join(str(run["changed"]) for run in data[key])]
        for key, name in (("core", "site.yml"), ("pipelines", "playbooks/pipelines.yml"))
    ]
    return ["## Second run", "", *table(["", "seconds", "changes in each run"], rows)]


def section_memory(data: dict) -> list[str]:
    """Memory by unit."""
    rows = [[f"`{unit}`", f"{mib:.0f}"] for unit, mib in data["core"].items()]
    rows.append(["**core with one pipeline**", f"**{sum(data['core'].values()):.0f}**"])
    rows.append([f"beside it: {', '.join(f'`{unit}`' for unit in data['others'])}", f"{sum(data['others'].values()):.0f}"])
    rest = data["rest"]
    state = "at rest" if rest["rested"] else "**not at rest when patience ended**"
    return [
        "## Memory at rest",
        "",
        "PSS of all processes in the unit's control group, in MiB: pages shared by several processes are divided among them. "
        f"Every service had been used before; the host was {state} "
        f"({rest['share_of_a_core']} of a core over {rest['window_seconds']} s).",
        "",
        *table(["unit", "MiB"], rows),
    ]


def section_start(data: dict) -> list[str]:
    """Start-ups."""
    rows = [[f"`{unit}`", spread(times["start"]), spread(times["restart"])] for unit, times in data.items()]
    return [
        "## Start-up",
        "",
        "From `systemctl restart`: a unit is active when its readiness probe has passed, so this is until it answers. "
        "The example pipeline's schedule goes on meanwhile; a start that meets one of its runs is the slow one of the spread.",
        "",
        *table(["unit", "start, s", "stop and start, s"], rows),
    ]


def section_pipeline(data: dict) -> list[str]:
    """New pipelines."""
    rows = [
        ["code location loaded, schedule running", spread(data["loaded"])],
        ["… and its first run finished, its rows read through Trino", spread(data["rows"])],
    ]
    return [
        "## New pipeline",
        "",
        "From the start of `playbooks/pipelines.yml` on a fresh repository from the template, then `playbooks/show.yml`, each "
        "beside those before it. Pipelines with the same lock share an environment, and one with the template's lock was there.",
        "",
        *table(["", "seconds"], rows),
    ]


def section_tpch(data: dict) -> list[str]:
    """Query times."""
    queries = data["queries"]
    rows = [
        [name, spread(q["trino"], 3), spread(q["duckdb"], 3), q["rows"], "yes" if q["same"] else "**no**"]
        for name, q in queries.items()
    ]
    sums = {engine: sum(statistics.median(q[engine]) for q in queries.values()) for engine in ("trino", "duckdb")}
    rows.append(["**sum of medians**", f"**{sums['trino']:.2f}**", f"**{sums['duckdb']:.2f}**", "", ""])
    size = sum(t["bytes"] for t in data["tables"].values()) / 1e6
    return [
        f"## TPC-H, {data['scale']}",
        "",
        "Seconds until all rows were fetched, on the stand-in itself, after one run of all queries to warm up. Trino reads "
        f"Iceberg tables (Parquet, zstd, {size:.0f} MB) from MinIO, as shipped. DuckDB {data['duckdb_version']} reads copies of "
        f"the same files from the local disk, with all cores and {data['memory_mb']} MiB, the ceiling of Trino's unit. It starts "
        "no server and asks no catalogue, so this says what one host can do with these files, not which engine is better.",
        "",
        *table(["query", "Trino", "DuckDB", "rows", "same answer"], rows),
        "Writing the tables into Iceberg from Trino's generator: "
        + ", ".join(f"{name} {t['rows']} rows in {t['seconds']:.1f} s" for name, t in data["tables"].items())
        + ".",
        "",
    ]


def section_fifty(data: dict) -> list[str]:
    """Fifty pipelines."""
    return [
        "## Fifty pipelines",
        "",
        "Made from the template, each a repository of its own with the template's lock, on a stand-in of 16 GB. Disk is what a "
        "pipeline's releases and folders take. The page is the question that Dagster's list of code locations asks.",
        "",
        *table(["", ""], fifty.rows(data)),
    ]


PARTS: dict[str, Callable[[Bench], dict]] = {
    part: getattr(Bench, part) for part in ("deploy", "rerun", "memory", "start", "template", "pipeline", "tpch", "fifty")
}
SECTIONS = {
    "deploy": section_deploy,
    "rerun": section_rerun,
    "memory": section_memory,
    "start": section_start,
    "template": lambda data: [],
    "pipeline": section_pipeline,
    "tpch": section_tpch,
    "fifty": section_fifty,
}


def main() -> int:
    """0 when every part was measured, whatever came of it; 1 with the reason when one could not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="parts to measure (default: all)")
    parser.add_argument("--standin", default="bench", help="name of the stand-in (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of what is repeated (default: %(default)s)")
    parser.add_argument("--scale", default="sf1", help="schema of Trino's tpch catalog: tiny, sf1, ... (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of the results (default: docs)")
    parser.add_argument("--keep", action="store_true", help="keep the stand-in afterwards; so do single parts")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if arguments.repeat < 1:
        parser.error("--repeat has to be 1 or more")
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "benchmarks.json"
    record = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {"parts": {}}
    about = machine()
    if record.get("machine", about) != about:
        print("the figures in the record are another machine's: they are dropped", flush=True)
        record["parts"] = {}
    record["machine"] = about
    bench = Bench(arguments.standin, arguments.repeat, arguments.scale)
    failed = []
    for name in [part for part in PARTS if part in (arguments.parts or PARTS)]:
        print(f"==> {name}", flush=True)
        around, began = noise(), time.monotonic()
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
        try:
            data = PARTS[name](bench)
        except (BenchError, subprocess.CalledProcessError) as error:
            print(f"==> {name} could not be measured: {error}", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        record["parts"][name] = {"began": stamp, "seconds": round(time.monotonic() - began, 1), "noise": around, "data": data}
        store.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (arguments.out / "BENCHMARKS.md").write_text(page(record), encoding="utf-8")
    if not arguments.parts and not arguments.keep and bench.folder.exists():
        bench.destroy()
    print()
    for key, values in measured(record["parts"]).items():
        what, most, unit = TARGETS[key]
        print(f"{spread(values):>24} {unit:4} of {most}: {what}: {verdict(key, values, record['parts'])}")
    print(f"written: {arguments.out}/BENCHMARKS.md" if record["parts"] else "nothing was measured")
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
