"""What the tests of a deployed host need. They log in by ssh, as the playbooks do."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of, release_id

PYTHON = "/opt/tools/current/bin/python"
RUN = "import base64, json, sys; code, values = map(base64.b64decode, sys.argv[1:]); exec(code, {'values': json.loads(values)})"


@pytest.fixture(scope="session")
def standin() -> str:
    """Name of the stand-in VPS under test."""
    return os.environ.get("STANDIN", "sandbox")


@pytest.fixture(scope="session")
def runs(root: Path, standin: str) -> list[dict]:
    """Figures of every play on this stand-in since it was blank, as the callback `role_budget` wrote them down."""
    return [json.loads(line) for line in (root / ".sandbox" / standin / "runs.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def credentials(root: Path) -> dict:
    """The inventory's credentials, decrypted."""
    file = root / "inventories" / "sandbox" / "group_vars" / "all" / "secrets.sops.yaml"
    return json.loads(subprocess.check_output(["sops", "decrypt", "--output-type", "json", str(file)], text=True))


@pytest.fixture
def on_host(host) -> Callable[..., str]:
    """Run Python on the host, with the libraries of the platform's modules; it finds its arguments in ``values``."""

    def run(code: str, user: str = "root", **values) -> str:
        packed = [base64.b64encode(text.encode()).decode() for text in (code, json.dumps(values))]
        return host.check_output("runuser -u %s -- %s -c %s %s %s", user, PYTHON, RUN, *packed)

    return run


@pytest.fixture
def play_environment(standin: str) -> dict:
    """Environment of plays that a test runs; they don't count in the figures of the scenario."""
    return {k: v for k, v in os.environ.items() if k != "ROLE_BUDGET_REPORT"} | {"STANDIN": standin, "ANSIBLE_FORCE_COLOR": "0"}


@pytest.fixture
def play(root: Path, play_environment: dict) -> Callable[..., subprocess.CompletedProcess]:
    """Run a playbook on the host under test, as an operator would. Further keywords are environment variables."""

    def run(*arguments: str, inventory: str = "inventories/sandbox", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["ansible-playbook", "--inventory", inventory, *arguments],
            cwd=root,
            env=play_environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def play_until(root: Path, play_environment: dict) -> Callable[..., subprocess.CompletedProcess]:
    """Run a playbook, and call ``act`` with its process when the banner of ``task`` appears."""

    def run(task: str, act: Callable[[subprocess.Popen], None], *arguments: str) -> subprocess.CompletedProcess:
        said, acted = [], False
        with subprocess.Popen(
            ["ansible-playbook", "--inventory", "inventories/sandbox", *arguments],
            cwd=root,
            env=play_environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout:
                said.append(line)
                if not acted and re.match(rf"TASK \[.*: {re.escape(task)}\]", line):
                    acted = True
                    act(process)
        assert acted, "".join(said)
        return subprocess.CompletedProcess(process.args, process.returncode, "".join(said))

    return run


@pytest.fixture
def killed_at(play_until) -> Callable[..., subprocess.CompletedProcess]:
    """Run a playbook and kill it, with all its processes, when the banner of a task appears: a lost laptop."""

    def family(pid: int) -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(p for child in children for p in family(int(child)))]

    def kill(process: subprocess.Popen) -> None:
        # Workers have sessions of their own, so a signal to the process group would miss them.
        for pid in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return lambda task, *arguments: play_until(task, kill, *arguments)


@pytest.fixture
def module(root: Path, play_environment: dict) -> Callable[..., dict]:
    """Result of one of our modules on the host."""

    def run(name: str, /, **arguments) -> dict:
        command = ["ansible", "--inventory", "inventories/sandbox", "sandbox", "-m", f"foss_data.platform.{name}"]
        command += ["-e", f"ansible_python_interpreter={PYTHON}", "-a", json.dumps(arguments)]
        environment = play_environment | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])

    return run


@dataclass(frozen=True)
class Copy:
    """A copy of the pipeline stavanger_parking in a repository of its own, to be changed and deployed."""

    folder: Path
    name: str = "stavanger_parking"
    home: str = "/srv/pipelines/stavanger_parking"

    @property
    def play(self) -> list[str]:
        """Arguments of `ansible-playbook` that deploy it."""
        return ["playbooks/pipelines.yml", "-e", json.dumps({"pipelines": [{"path": str(self.folder)}]})]

    def release(self) -> str:
        """The id that its content has now."""
        return release_id(files_of(self.folder))


@pytest.fixture
def parking(root: Path, tmp_path: Path, play: Callable, host) -> Iterator[Copy]:
    """Such a copy; in the end the pipeline runs again with the release that it had."""
    copy = Copy(tmp_path / "parking")
    for name, path in files_of(root / "pipelines" / copy.name).items():
        (copy.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy.folder / name)
    subprocess.run(["git", "init", "--quiet", str(copy.folder)], check=True)
    before = host.check_output("readlink %s/current", copy.home)
    yield copy
    if host.check_output("readlink %s/current", copy.home) != before:
        assert play("playbooks/pipelines.yml").returncode == 0
