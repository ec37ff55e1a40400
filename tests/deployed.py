"""What the tests of a deployed host need, wherever they lie. They log in by ssh, as the playbooks do."""

import base64
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret
from ansible_collections.foss_data.platform.plugins.module_utils.dagster import Dagster
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of, release_id

PYTHON = "/opt/tools/current/bin/python"
INVENTORY = "inventories/sandbox"
RUN = "import base64, json, sys; code, values = map(base64.b64decode, sys.argv[1:]); exec(code, {'values': json.loads(values)})"
CA = "/etc/certificates/ca.pem"
# In another's name, as only the administrator may.
QUERY = """
import json
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import TrinoQueryError
cursor = connect(
    host="127.0.0.1", port=8443, http_scheme="https", verify=values["ca"], user=values["login"],
    auth=BasicAuthentication(values["admin"], values["password"]),
).cursor()
answer = None
try:
    for statement in values["statements"]:
        answer = cursor.execute(statement).fetchall()
except TrinoQueryError as error:
    answer = error.error_name
print(json.dumps(answer, default=str))
"""
# Each time with a user's name that is only said, and with a name and its password, where they are given.
ASK = """
import json, requests
answers = []
for address, said, login in values["asked"]:
    for forwarded in [{}, {"X-Forwarded-Proto": "https"}]:
        headers = forwarded | ({"X-Trino-User": said} if said else {})
        known = {"headers": headers, "auth": tuple(login) if login else None, "verify": values["ca"]}
        answer = requests.post(address + "/v1/statement", data="SELECT 1", **known)
        while answer.ok and "nextUri" in answer.json():
            # Who may speak for another is asked when the query is made.
            answer = requests.get(answer.json()["nextUri"], **known)
        answers.append(answer.json().get("error", {}).get("errorName", "let in") if answer.ok else "refused")
print(json.dumps(answers))
"""
# Where somebody could read one of some values. They come by its input, so that they are in no list of processes.
PLACES = r"""
patterns=$(cat)
look() { printf '%s\n' "$patterns" | "$@" -f -; }
{planted}
journalctl --output=export | grep --text --fixed-strings --quiet -f <(printf '%s\n' "$patterns") && echo journal
look grep --recursive --no-messages --files-with-matches --text --fixed-strings \
  /tmp /var/tmp /dev/shm /var/log /var/crash /root /home /run/user /var/spool
# What everybody may read, and what each process says of itself to others.
look runuser -u nobody -- grep --recursive --no-messages --files-with-matches --text --fixed-strings --devices=skip \
  /boot /etc /home /root /run /srv /tmp /usr/local /var /proc/[0-9]*/cmdline /proc/[0-9]*/environ
true
"""
PLAIN, SECURE = "http://127.0.0.1:8080", "https://127.0.0.1:8443"
Found = TypeVar("Found")


def until(ask: Callable[[], Found], timeout: float) -> Found:
    """What ``ask`` finds, asked again for ``timeout`` seconds while it finds nothing."""

    def look() -> Found:
        if found := ask():
            return found
        raise LookupError(f"not within {timeout} s")

    return patiently(look, timeout, lambda error: isinstance(error, LookupError))


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
    return credentials_in(root / "inventories" / "sandbox")


def credentials_in(inventory: Path) -> dict[str, str]:
    """The credentials in its encrypted file, which holds more than these."""
    file = inventory / "group_vars" / "all" / "secrets.sops.yaml"
    found = json.loads(subprocess.check_output(["sops", "decrypt", "--output-type", "json", str(file)], text=True))
    return {name: value for name, value in found.items() if name.startswith("secret_")}


def values_in(credentials: dict[str, str]) -> list[str]:
    """What is secret of them, and those derived from them. Of a key that is several lines one would be enough."""
    found = [(value.splitlines() * 2)[1] for name, value in credentials.items() if name != "secret_ca_certificate"]
    found.append(derived_secret(credentials["secret_minio_trino"], "reader"))
    for purpose in ("object store: ", "trino: ", "database: pl-"):
        found.append(derived_secret(credentials["secret_pipelines"], f"{purpose}stavanger_parking"))
    assert all(len(value) >= 40 for value in found)
    return found


@pytest.fixture
def places(root: Path, standin: str) -> Callable[..., list[str]]:
    """Where on the host some values can be read that nobody should see. Something may be run there before, which finds them in
    ``$patterns``."""

    def look(values: list[str], planted: str = "") -> list[str]:
        ssh = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config"), standin]
        code = shlex.quote(PLACES.replace("{planted}", planted))
        done = subprocess.run([*ssh, f"bash -c {code}"], input="\n".join(values), check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    return look


@pytest.fixture(scope="module")
def on_host(host) -> Callable[..., str]:
    """Run Python on the host, with the libraries of the platform's modules; it finds its arguments in ``values``."""

    def run(code: str, user: str = "root", **values) -> str:
        packed = [base64.b64encode(text.encode()).decode() for text in (code, json.dumps(values))]
        return host.check_output("runuser -u %s -- %s -c %s %s %s", user, PYTHON, RUN, *packed)

    return run


@pytest.fixture
def invocation(host) -> Callable[[str], str]:
    """Which start of a unit is the running one."""
    return lambda unit: host.check_output("systemctl show --value --property=InvocationID %s", unit)


@pytest.fixture(scope="module")
def trino_login(credentials) -> dict[str, str]:
    """How the modules log in to Trino on the host."""
    return {"user": "platform", "password": credentials["secret_trino_admin"], "ca_path": CA}


@pytest.fixture(scope="module")
def trino(on_host, trino_login) -> Callable[..., list | str | None]:
    """Rows that the last of some statements gave, or Trino's name of the error that ended them."""

    def ask(*statements: str, login: str = "platform", admin: str = "platform") -> list | str | None:
        known = {"admin": admin, "password": trino_login["password"], "ca": CA}
        return json.loads(on_host(QUERY, login=login, statements=statements, **known))

    return ask


@pytest.fixture(scope="module")
def let_in(on_host) -> Callable[..., set[str]]:
    """What comes of a query of who says a name, and of who logs in with a name and a password: let in, refused, or an error."""

    def ask(*addresses: str, said: str | None = None, login: tuple[str, str] | None = None) -> set[str]:
        return set(json.loads(on_host(ASK, asked=[[address, said, login] for address in addresses], ca=CA)))

    return ask


@pytest.fixture(scope="module")
def tunnel(root, standin, tmp_path_factory) -> Iterator[Callable[[int], int]]:
    """A port of this machine that is the host's own port, which listens on its loopback."""
    ssh = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config")]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    with contextlib.ExitStack() as opened:

        def to(port: int) -> int:
            with contextlib.closing(socket.socket()) as free:
                free.bind(("127.0.0.1", 0))
                local = free.getsockname()[1]
            control = ["-S", str(tmp_path_factory.mktemp("tunnel") / "ssh")]
            # In the background as soon as the tunnel stands; it stays until it is told to end.
            stays = ["-M", "-f", "-N", "-o", "ControlPersist=no", "-o", "ExitOnForwardFailure=yes"]
            subprocess.run([*ssh, *control, *stays, "-L", f"{local}:127.0.0.1:{port}", standin], **quiet)
            opened.callback(subprocess.run, [*ssh, *control, "-O", "exit", standin], **quiet)
            return local

        yield to


@pytest.fixture(scope="module")
def dagster(tunnel) -> Dagster:
    """The host's Dagster, asked by the modules' client."""
    return Dagster(f"http://127.0.0.1:{tunnel(3000)}")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A TCP port of this machine on which nobody listens, and which nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# -- plays


@pytest.fixture(scope="session")
def play_environment(standin: str) -> dict:
    """Environment of plays that a test runs; they don't count in the figures of the scenario."""
    return {k: v for k, v in os.environ.items() if k != "ROLE_BUDGET_REPORT"} | {"STANDIN": standin, "ANSIBLE_FORCE_COLOR": "0"}


@pytest.fixture(scope="session")
def play(root: Path, play_environment: dict) -> Callable[..., subprocess.CompletedProcess]:
    """Run a playbook on the host under test, as an operator would. Further keywords are environment variables."""

    def run(*arguments: str, inventory: str = INVENTORY, **environment: str) -> subprocess.CompletedProcess:
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
def refusal(play) -> Callable[..., str]:
    """Run a playbook that has to fail and change nothing; the one error that it ends with."""

    def run(*arguments: str, **options) -> str:
        done = play(*arguments, **options)
        errors = re.findall(r"^\[ERROR\]: (.*)", done.stdout + done.stderr, re.MULTILINE)
        assert (bool(done.returncode), len(errors)) == (True, 1), done.stdout + done.stderr
        assert not re.search(r"changed=[1-9]", done.stdout), done.stdout
        return errors[0]

    return run


@pytest.fixture
def clean(play) -> Callable[..., None]:
    """Run a playbook that finds nothing to do: the host is whole."""

    def run(*arguments: str) -> None:
        done = play(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(r"(changed|unreachable|failed|rescued)=[1-9]", done.stdout), done.stdout

    return run


@pytest.fixture
def module(root, play_environment) -> Callable[..., dict]:
    """Result of one of our modules on the host."""

    def run(name: str, /, **arguments) -> dict:
        command = ["ansible", "--inventory", INVENTORY, "sandbox", "-m", f"foss_data.platform.{name}"]
        command += ["-e", f"ansible_python_interpreter={PYTHON}", "-a", json.dumps(arguments)]
        environment = play_environment | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])

    return run


@pytest.fixture
def keyed(module, credentials) -> Callable[[str, str], AbstractContextManager[None]]:
    """A key that Trino works with for a user below a prefix, as a deploy gives it to a pipeline, and its end."""
    store = {"endpoint": "http://127.0.0.1:9010", "region": "eu-north-1", "admin_access_key": "platform-root"}
    store["admin_secret_key"] = credentials["secret_minio_root"]
    file = {"mapping_file": "/etc/trino/s3-mapping.json"}

    @contextlib.contextmanager
    def key(user: str, prefix: str) -> Iterator[None]:
        secret = {"access_key": user, "secret_key": "verify-secret"}
        try:
            module("minio_user", **store, **secret, policies=["trino"])
            module("trino_s3_mapping", **file, **secret, name=user, prefix=prefix)
            yield
        finally:
            module("trino_s3_mapping", **file, name=user, state="absent")
            module("minio_user", **store, access_key=user, state="absent")

    return key


@pytest.fixture
def play_until(root: Path, play_environment: dict) -> Callable[..., subprocess.CompletedProcess]:
    """Run a playbook, and call ``act`` with its process when the banner of ``task`` appears."""

    def run(task: str, act: Callable[[subprocess.Popen], None], *arguments: str) -> subprocess.CompletedProcess:
        said, acted = [], False
        with subprocess.Popen(
            ["ansible-playbook", "--inventory", INVENTORY, *arguments],
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
    """Run a playbook and kill it, with all its processes, when the banner of a task appears: a lost laptop.

    With ``when`` it goes on until that says so.
    """

    def family(pid: int) -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(p for child in children for p in family(int(child)))]

    def kill(process: subprocess.Popen) -> None:
        # Workers have sessions of their own, so a signal to the process group would miss them.
        for pid in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(task: str, *arguments: str, when: Callable[[], bool] = lambda: True) -> subprocess.CompletedProcess:
        def act(process: subprocess.Popen) -> None:
            try:
                until(when, 120)
            finally:
                kill(process)

        return play_until(task, act, *arguments)

    return run


# -- pipelines


@dataclass(frozen=True)
class Repository:
    """A pipeline's repository, to be changed and deployed."""

    folder: Path
    name: str

    @property
    def home(self) -> str:
        """Where it is on the host."""
        return f"/srv/pipelines/{self.name}"

    @property
    def play(self) -> list[str]:
        """Arguments of `ansible-playbook` that deploy it."""
        return deploy_of(self)

    def release(self) -> str:
        """The id that its content has now."""
        return release_id(files_of(self.folder))


def deploy_of(*repositories: Repository) -> list[str]:
    """Arguments of `ansible-playbook` that deploy them in one play, in this order."""
    listed = [{"path": str(repository.folder)} for repository in repositories]
    # Settings of a pipeline that is not in the list are refused.
    site = yaml.safe_load((Path(__file__).resolve().parent.parent / INVENTORY / "group_vars/all/sandbox.yml").read_text())
    names = {repository.name for repository in repositories}
    settings = {name: given for name, given in site["pipeline_settings"].items() if name in names}
    return ["playbooks/pipelines.yml", "-e", json.dumps({"pipelines": listed, "pipeline_settings": settings})]


def copy_of_example(root: Path, folder: Path) -> Repository:
    """A copy of the pipeline stavanger_parking in a repository of its own."""
    copy = Repository(folder, "stavanger_parking")
    for name, path in files_of(root / "pipelines" / copy.name).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / name)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return copy


@pytest.fixture
def parking(root: Path, tmp_path: Path, play: Callable, host) -> Iterator[Repository]:
    """Such a copy; in the end the pipeline runs again with the release that it had."""
    copy = copy_of_example(root, tmp_path / "parking")
    before = host.check_output("readlink %s/current", copy.home)
    yield copy
    if host.check_output("readlink %s/current", copy.home) != before:
        assert play("playbooks/pipelines.yml").returncode == 0


@pytest.fixture(scope="session")
def from_template(root: Path, play: Callable) -> Callable[..., AbstractContextManager[Repository]]:
    """A pipeline freshly made from the template, with answers to its questions; gone from the host in the end."""

    @contextlib.contextmanager
    def make(folder: Path, name: str, **answers: str) -> Iterator[Repository]:
        command = ["cookiecutter", "--no-input", "--output-dir", str(folder), "cookiecutter-pipeline", f"name={name}"]
        given = [f"{question}={answer}" for question, answer in answers.items()]
        subprocess.run([*command, *given], cwd=root, check=True, capture_output=True)
        repository = Repository(folder / name, name)
        try:
            yield repository
        finally:
            given = [f"pipeline={name}", f"confirmed={name}", "data=true"]
            removed = play("playbooks/pipeline_remove.yml", *(word for value in given for word in ("-e", value)))
            assert removed.returncode == 0, removed.stdout + removed.stderr

    return make
