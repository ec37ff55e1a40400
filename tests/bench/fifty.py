"""Part ``fifty`` of the bench: fifty pipelines made from the template, on one stand-in of 16 GB."""

import json
import statistics
import tempfile
from pathlib import Path

COUNT = 50
MEMORY = "16g"
# What to reach: what, at the most, unit.
TARGETS = {
    "fifty_first": ("fifty pipelines: first deploy of all", 300, "s"),
    "fifty_again": ("fifty pipelines: run again with nothing changed", 90, "s"),
    "fifty_one": ("fifty pipelines: deploy one of them", 30, "s"),
    "fifty_memory": ("fifty pipelines: memory per idle pipeline, PSS", 100, "MB"),
    "fifty_disk": ("fifty pipelines: disk per further pipeline", 20, "MB"),
    "fifty_page": ("fifty pipelines: Dagster's page listing all", 2, "s"),
}


def measure(bench) -> dict:
    """All figures. ``bench`` is that of a stand-in which nothing else uses."""
    bench.warm_cache()
    bench.create(blank=True, memory=MEMORY)
    try:
        bench.playbook("deploy the core for fifty", "site.yml")
        with tempfile.TemporaryDirectory() as folder:
            names = [f"team_{number:02}" for number in range(1, COUNT + 1)]
            # Not at the full hour, as the template has it: that would be in the middle of a measurement.
            made = {name: bench.generate(Path(folder), name, schedule="0 3 * * *")[1] for name in names}
            extra = json.dumps({"pipelines": [{"path": str(path)} for path in made.values()], "pipeline_settings": {}})
            return deploys(bench, names, made, extra) | at_rest(bench, names)
    finally:
        bench.destroy()


def deploys(bench, names: list[str], made: dict[str, Path], extra: str) -> dict:
    """Seconds of the plays, and what each changed."""
    playbook = "playbooks/pipelines.yml"
    first = bench.playbook("deploy all fifty", playbook, "-e", extra)
    again = [bench.playbook(f"all fifty again, {i + 1}", playbook, "-e", extra) for i in range(bench.repeat)]
    one = []
    for name in names[: bench.repeat]:
        with (made[name] / "README.md").open("a", encoding="utf-8") as readme:
            readme.write("\nAnother line.\n")
        one.append(bench.playbook(f"deploy {name} of fifty", playbook, "-e", extra, "-e", f"pipeline={name}")["seconds"])
    return {"first": first, "again": again, "one": one}


def at_rest(bench, names: list[str]) -> dict:
    """What fifty idle ones cost, and how long one takes to wake."""
    rest = bench.host("/usr/bin/python3", "rest")
    return {
        "rest": rest,
        "memory": bench.host("/usr/bin/python3", "memory"),
        # The first of all brings the environment, so it is no further one.
        "disk": bench.host("/usr/bin/python3", "disk", *names[bench.repeat :]),
        "page": bench.host("/usr/bin/python3", "page", str(bench.repeat)),
        "wake": bench.host("/usr/bin/python3", "wake", str(bench.repeat), *names[-3:]),
    }


def idle_memory(data: dict) -> float:
    """MB of PSS per pipeline: the code servers that run, and the porter that answers for those that do not."""
    mib = sum(mib for unit, mib in data["memory"].items() if unit.startswith("pipeline"))
    return round(mib * 1.048576 / COUNT, 2)


def measured(data: dict) -> dict[str, list[float]]:
    """The values beside each target."""
    return {
        "fifty_first": [data["first"]["seconds"]],
        "fifty_again": [run["seconds"] for run in data["again"]],
        "fifty_one": data["one"],
        "fifty_memory": [idle_memory(data)],
        "fifty_disk": list(data["disk"].values()),
        "fifty_page": data["page"],
    }


def rows(data: dict) -> list[list[str]]:
    """What the page says beside the targets."""
    awake = [unit for unit in data["memory"] if unit.startswith("pipeline@")]
    porter = data["memory"].get("pipeline-porter", 0)
    wake = data["wake"]
    return [
        ["tasks that changed something in the runs again", ", ".join(str(run["changed"]) for run in data["again"])],
        ["code servers that ran at rest", len(awake)],
        ["`pipeline-porter`, PSS for all fifty", f"{porter:.0f} MiB"],
        ["a question to a sleeping pipeline's code, its server's start included", f"{statistics.median(wake['asleep']):.1f} s"],
        ["the same question to one that is awake", f"{statistics.median(wake['awake']):.2f} s"],
    ]
