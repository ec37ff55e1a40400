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

# In the place of each of our modules. WANT_JSON: Ansible hands over a file with the options, and adds nothing.
STAND_IN = """#!{python}
# WANT_JSON
import json, os, pathlib, sys
options = json.load(open(sys.argv[1]))
scenario = json.load(open(os.environ["SCENARIO"]))
told = {{k: v for k, v in options.items() if not k.startswith("_ansible")}}
name, log = {name!r}, pathlib.Path(os.environ["SCENARIO"] + ".log")
first = not log.exists() or not any(json.loads(line)[0] == name for line in log.read_text().splitlines())
with log.open("a") as out:
    out.write(json.dumps([name, told, options["_ansible_check_mode"]]) + "\\n")
faults = scenario["faults"].get(name, {{}}) | (scenario["at_first"].get(name, {{}}) if first else {{}})
changed = scenario["changed"] and not name.endswith(("_check", "_info"))
answer = {{"changed": changed, "failed": False}} | scenario["answers"].get(name, {{}})
if "" in faults:
    answer |= {{"failed": True, "msg": faults[""]}}
elif (items := told.get("aggregate", told.get("members"))) is not None:
    results = []
    for item in items:
        fault = next((text for part, text in faults.items() if part in [*item.values(), *map(str, told.values())]), "")
        own = {{"changed": changed and not fault, "failed": bool(fault), "msg": fault, "diff": {{"before": "", "after": ""}}}}
        results.append(item | scenario["answers"].get(name, {{}}) | own | scenario["items"].get(name, {{}}))
    answer |= {{"results": results}}
else:
    fault = next((text for part, text in faults.items() if part in map(str, told.values())), "")
    answer |= {{"failed": bool(fault), "msg": fault}}
print(json.dumps(answer))
"""
LOOKUP = """
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
DOCUMENTATION = "name: pipelines"
class LookupModule(LookupBase):
    def run(self, terms, variables=None, only="", settings=None, read=True):
        if read and any(p.get("unreachable") for p in terms):
            raise AnsibleLookupError("a repository does not answer")
        return [p for p in terms if only in ("", p["name"])]
"""
ANSWERS = {
    "host_check": {"ansible_facts": {"platform_memory_mb": 8000, "platform_installed": True}},
    "artifact": {"path": "/opt/pipeline-envs/one", "fingerprint": "one"},
    "pipeline_release": {"path": "/srv/release", "release": "new", "fingerprint": "new", "masks": {}, "missing": True},
    "service_files": {"fingerprint": "files"},
    "service": {"was_active": True},
    "pipeline_current": {"release": "old", "previous": "old", "restored": ["unit"], "inputs": [], "taken_over": "", "masks": {}},
}


def listed(name: str, **more) -> dict:
    """A pipeline as the lookup gives it."""
    manifest = {"name": name, "format": "iceberg", "schemas": ["raw", "marts"], "publishes": [], "memory_mb": 1024}
    known = {"name": name, "path": f"/repositories/{name}", "release": "new", "user": f"pl-{name}", "settings": {}}
    return known | {"manifest": manifest, "source": f"/repositories/{name}", "fault": ""} | more


@dataclass
class Play:
    """What a playbook did and said."""

    code: int
    said: str
    calls: list[list] = field(default_factory=list)

    def asked(self, module: str) -> list[dict]:
        """What a module was told, each time."""
        return [options for name, options, _check in self.calls if name == module]

    def items(self, module: str) -> list[dict]:
        """What a module was told, each time and of each of several."""
        return [item for options in self.asked(module) for item in options.get("aggregate") or [options]]

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
    for name in ("filter", "vars", "doc_fragments", "module_utils", "callback"):
        (collection / "plugins" / name).symlink_to(root / "plugins" / name)
    for name in ("modules", "action", "lookup"):
        (collection / "plugins" / name).mkdir()
    (collection / "plugins" / "lookup" / "variable_faults.py").symlink_to(root / "plugins" / "lookup" / "variable_faults.py")
    (collection / "plugins" / "lookup" / "pipelines.py").write_text(LOOKUP)
    # What `rendered_files` renders with.
    (collection / "plugins" / "action" / "service_files.py").symlink_to(root / "plugins" / "action" / "service_files.py")
    for module in (root / "plugins" / "modules").glob("*.py"):
        if module.stem in ("own_result", "rendered_files"):
            (collection / "plugins" / "modules" / module.name).symlink_to(module)
            (collection / "plugins" / "action" / module.name).symlink_to(root / "plugins" / "action" / module.name)
        else:
            (collection / "plugins" / "modules" / module.name).write_text(
                STAND_IN.format(python=sys.executable, name=module.stem)
            )
    return collection


@pytest.fixture(scope="module")
def play(stage, tmp_path_factory) -> Callable[..., Play]:
    """Runs a playbook with variables, as if each module did what it is told, apart from ``faults`` (text by module and by the
    value of one of its options; by "" whatever they are) and those ``at_first``, which only its first call has. What results
    of ``items`` have besides is by module, too."""

    def run(playbook: str, *arguments: str, changed: bool = True, answers: dict | None = None, **more) -> Play:
        folder = tmp_path_factory.mktemp("play")
        scenario = folder / "scenario.json"
        told = {key: more.pop(key, {}) for key in ("faults", "at_first", "items")}
        scenario.write_text(json.dumps({"changed": changed, "answers": ANSWERS | (answers or {}), **told}))
        secrets = yaml.safe_load((stage / "group_vars" / "all" / "secrets.yml").read_text())["secrets_names"]
        variables = {name: f"the {name}" for name in secrets} | {"platform_python": sys.executable} | more
        (folder / "variables.json").write_text(json.dumps(variables))
        groups = ("postgresql", "minio", "hive_metastore", "trino_coordinator", "dagster", "gateway", "pipeline_runners")
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
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(folder / "hosts.yml"),
            str(stage / "playbooks" / playbook),
            "-e",
            f"@{folder / 'variables.json'}",
            *arguments,
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        log = Path(f"{scenario}.log")
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Play(done.returncode, done.stdout + done.stderr, calls)

    return run
