"""The playbooks as they are, on this machine, with modules that only say what they were asked for."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

# Of these the playbook's own tasks and Ansible's modules are left: each is replaced by STAND_IN.
OURS = "plugins/modules"
# WANT_JSON: Ansible hands over a file with the options, and adds nothing.
STAND_IN = """#!{python}
# WANT_JSON
import json, os, sys
options = json.load(open(sys.argv[1]))
scenario = json.load(open(os.environ["SCENARIO"]))
told = {{k: v for k, v in options.items() if not k.startswith("_ansible")}}
name, check = {name!r}, options["_ansible_check_mode"]
with open(os.environ["SCENARIO"] + ".log", "a") as log:
    log.write(json.dumps([name, told, check]) + "\\n")
faults = scenario["faults"].get(name, {{}})
what = next((told[k] for k in ("path", "name", "service") if isinstance(told.get(k), str)), "")
own = {{"changed": scenario["changed"], "failed": False, "msg": "", "diff": {{"before": "", "after": ""}}}}
answer = dict(scenario["answers"].get(name, {{}}))
if faults.get("all"):
    answer |= {{"failed": True, "msg": faults["all"]}}
elif told.get("aggregate") is not None:
    results = []
    for item in told["aggregate"]:
        key = item.get("location", item.get("access_key", item.get("name")))
        fault = next((text for part, text in faults.items() if part in str(item.values())), "")
        results.append(item | own | {{"failed": bool(fault), "msg": fault}})
    answer |= {{"changed": scenario["changed"], "results": results}}
else:
    fault = next((text for part, text in faults.items() if part in what), "")
    changed = scenario["changed"] and not name.endswith(("_check", "_info"))
    answer = {{"changed": changed, "failed": bool(fault), "msg": fault}} | answer
print(json.dumps(answer))
"""
ANSWERS = {
    "host_check": {"ansible_facts": {"platform_memory_mb": 8000, "platform_installed": True}},
    "artifact": {"path": "/opt/pipeline-envs/one", "fingerprint": "one"},
    "service_files": {"fingerprint": "files"},
    "service": {"was_active": True},
}


@dataclass
class Play:
    """What a playbook did and said."""

    code: int
    said: str
    calls: list[list] = field(default_factory=list)

    def asked(self, module: str) -> list[dict]:
        """What a module was told, each time."""
        return [options for name, options, _check in self.calls if name == module]

    def errors(self) -> list[str]:
        """The errors, a line each."""
        return re.findall(r"^\[ERROR\]: (.*)", self.said, re.MULTILINE)

    def recap(self) -> dict[str, dict[str, int]]:
        """By host, what Ansible counted."""
        lines = re.findall(r"^(\S+) +: (ok=.*)$", self.said.partition("PLAY RECAP")[2], re.MULTILINE)
        return {host: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}


@pytest.fixture(scope="session")
def stage(root, tmp_path_factory) -> Path:
    """The collection, its modules replaced."""
    collection = tmp_path_factory.mktemp("stage") / "ansible_collections" / "foss_data" / "platform"
    (collection / "plugins").mkdir(parents=True)
    for name in ("roles", "playbooks", "group_vars", "galaxy.yml", "meta", "pipelines"):
        (collection / name).symlink_to(root / name)
    for name in ("filter", "vars", "doc_fragments", "module_utils", "lookup", "callback"):
        (collection / "plugins" / name).symlink_to(root / "plugins" / name)
    for name in ("modules", "action"):
        (collection / "plugins" / name).mkdir()
    for module in (root / "plugins" / "modules").glob("*.py"):
        if module.stem == "own_result":
            (collection / "plugins" / "modules" / module.name).symlink_to(module)
            (collection / "plugins" / "action" / module.name).symlink_to(root / "plugins" / "action" / module.name)
        else:
            (collection / "plugins" / "modules" / module.name).write_text(STAND_IN.format(python=sys.executable, name=module.stem))
    return collection


@pytest.fixture(scope="module")
def play(stage, tmp_path_factory) -> Callable[..., Play]:
    """Runs a playbook for the pipelines given."""

    def run(playbook: str, *arguments: str, changed: bool = True, faults: dict | None = None, answers: dict | None = None, **more) -> Play:
        folder = tmp_path_factory.mktemp("play")
        scenario = folder / "scenario.json"
        scenario.write_text(json.dumps({"changed": changed, "faults": faults or {}, "answers": ANSWERS | (answers or {})}))
        secrets = yaml.safe_load((stage / "group_vars" / "all" / "secrets.yml").read_text())["secrets_names"]
        variables = {name: f"the {name}" for name in secrets} | {"platform_python": sys.executable} | more
        (folder / "variables.json").write_text(json.dumps(variables))
        groups = ("postgresql", "minio", "hive_metastore", "trino_coordinator", "dagster", "pipeline_runners")
        host = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
        inventory = {"hosts": {"server": host}, "children": {group: {"hosts": {"server": {}}} for group in groups}}
        (folder / "hosts.yml").write_text(json.dumps({"all": inventory}))
        (folder / "bin").mkdir()
        (folder / "bin" / "systemctl").write_text("#!/bin/sh\n")
        (folder / "bin" / "systemctl").chmod(0o755)
        environment = {
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SCENARIO": str(scenario),
            "ANSIBLE_CONFIG": str(folder / "none.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": f"{stage.parents[2]}",
            "ANSIBLE_LOCAL_TEMP": str(folder / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_FORKS": "4",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_FORCE_COLOR": "0",
        }
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "hosts.yml"), str(stage / "playbooks" / playbook), "-e", f"@{folder / 'variables.json'}", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        log = Path(f"{scenario}.log")
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Play(done.returncode, done.stdout + done.stderr, calls)

    return run
