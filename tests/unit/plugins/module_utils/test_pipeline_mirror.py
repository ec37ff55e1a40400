# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Commits of real repositories as folders: what is fetched and when, what is refused, and what a kill leaves behind."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import pipeline_git, pipeline_mirror, pipeline_source
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_fault import SourceError
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_list import Commit
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_mirror import fetch
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import commit_of, files_of, pack, release_id


class Repository:
    """A team's repository: a work tree, whose .git is what the platform fetches from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "--quiet", "-b", "main", str(folder)], check=True)
        self.address = f"file://{folder}"
        self.write("pipeline.yml", "name: sales\n")
        self.write("scripts/run.sh", "exit 0\n").chmod(0o755)
        self.first = self.commit()

    def git(self, *arguments: str, **options) -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def plant(self, tree: bytes) -> str:
        """A branch whose commit has a tree that git itself would not write."""
        command = ["git", "-C", str(self.folder), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
        made = subprocess.run(command, input=tree, check=True, capture_output=True).stdout.decode().strip()
        commit = self.git("commit-tree", "-m", "x", made)
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def blob(self, text: str) -> bytes:
        return bytes.fromhex(self.git("hash-object", "-w", "--stdin", input=text))

    def wanted(self, **state: str) -> Commit:
        [(kind, ref)] = (state or {"branch": "main"}).items()
        return Commit(self.address, kind, ref)


@pytest.fixture
def repository(tmp_path, cache) -> Repository:
    return Repository(tmp_path / "sales")


@pytest.fixture
def fetches(monkeypatch) -> list[tuple]:
    """Every git command that may use the network."""
    asked, git = [], pipeline_mirror.git

    def counted(*arguments: str, network: bool = False) -> str:
        if network:
            asked.append(arguments)
        return git(*arguments, network=network)

    monkeypatch.setattr(pipeline_mirror, "git", counted)
    return asked


def refusal(wanted: Commit) -> str:
    with pytest.raises(SourceError) as caught:
        fetch(wanted)
    said = str(caught.value)
    assert "\n" not in said
    return said


def mirrors(cache: Path) -> list[Path]:
    return list((cache / "pipelines").glob("*.git"))


# -- what is fetched


def test_a_branch(repository, cache):
    commit, folder = fetch(repository.wanted())
    assert commit == repository.first == folder.name == commit_of(folder)
    assert {name: path.read_text() for name, path in files_of(folder).items()} == {
        "pipeline.yml": "name: sales\n",
        "scripts/run.sh": "exit 0\n",
    }
    assert [bool(os.stat(folder / n).st_mode & 0o111) for n in ("pipeline.yml", "scripts/run.sh")] == [False, True]
    assert stat.S_IMODE((cache / "pipelines").stat().st_mode) == 0o700


def test_a_commit_has_the_content_of_the_folder_that_it_was_made_from(repository):
    _commit, folder = fetch(repository.wanted())
    assert release_id(files_of(folder)) == release_id(files_of(repository.folder))


def test_a_branch_that_goes_on(repository):
    fetch(repository.wanted())
    (repository.folder / "pipeline.yml").unlink()
    repository.write("new.py", "")
    second = repository.commit()
    commit, folder = fetch(repository.wanted())
    assert commit == second
    assert list(files_of(folder)) == ["new.py", "scripts/run.sh"]


def test_a_branch_that_goes_back(repository):
    repository.write("new.py", "")
    repository.commit()
    fetch(repository.wanted())
    repository.git("reset", "--quiet", "--hard", repository.first)
    assert fetch(repository.wanted())[0] == repository.first


def test_a_folder_in_the_place_of_a_branch(repository):
    """refs/heads/eu and refs/heads/eu/main can't both be."""
    repository.git("branch", "eu")
    fetch(repository.wanted(branch="eu"))
    repository.git("branch", "-D", "eu")
    repository.git("branch", "eu/main")
    assert fetch(repository.wanted(branch="eu/main"))[0] == repository.first


@pytest.mark.parametrize("kind", [[], ["-a", "-m", "x"]], ids=["light", "annotated"])
def test_a_tag(repository, kind):
    repository.git("tag", *kind, "v1")
    repository.write("new.py", "")
    repository.commit()
    assert fetch(repository.wanted(tag="v1"))[0] == repository.first


def test_a_tag_is_no_branch(repository):
    repository.git("tag", "v1")
    said = f"it has no branch v1: name one that was pushed, and try `git ls-remote {repository.address}`"
    assert refusal(repository.wanted(branch="v1")) == said
    assert refusal(repository.wanted(tag="main")).startswith("it has no tag main: ")


def test_a_commit_that_no_branch_leads_to(repository):
    repository.write("new.py", "")
    repository.commit()
    assert fetch(repository.wanted(commit=repository.first))[0] == repository.first


def test_a_commit_from_a_server_that_gives_only_what_it_offers(repository, monkeypatch):
    repository.write("new.py", "")
    repository.commit()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
    assert fetch(repository.wanted(commit=repository.first))[0] == repository.first
    assert "it has no commit" in refusal(repository.wanted(commit="0" * 39 + "1"))


def test_a_commit_that_there_is_not(repository):
    assert refusal(repository.wanted(commit="1" * 40)).startswith(f"it has no commit {'1' * 40}: name one that was pushed")


def test_only_what_is_wanted(repository, cache):
    repository.git("branch", "other")
    repository.git("tag", "v1")
    repository.write("new.py", "")
    repository.commit()
    fetch(repository.wanted())
    [mirror] = mirrors(cache)
    refs = subprocess.check_output(["git", f"--git-dir={mirror}", "for-each-ref"], text=True)
    assert len(refs.splitlines()) == 1
    history = subprocess.check_output(["git", f"--git-dir={mirror}", "rev-list", "--all", "--count"], text=True)
    assert history == "1\n"


def test_two_states_of_one_address(repository, cache):
    repository.git("branch", "old")
    repository.write("new.py", "")
    second = repository.commit()
    assert [fetch(repository.wanted(branch=b))[0] for b in ("main", "old")] == [second, repository.first]
    assert len(mirrors(cache)) == 1


# -- when


def test_a_commit_that_is_there_needs_no_network(repository, fetches):
    wanted = repository.wanted(commit=repository.first)
    before = fetch(wanted)
    assert len(fetches) == 1
    shutil.rmtree(repository.folder)
    assert fetch(wanted) == before
    assert len(fetches) == 1


def test_what_was_fetched_last_without_the_network(repository, fetches):
    with pytest.raises(SourceError, match="it was not fetched yet"):
        fetch(repository.wanted(), network=False)
    before = fetch(repository.wanted())
    repository.write("new.py", "")
    repository.commit()
    assert fetch(repository.wanted(), network=False) == before
    assert len(fetches) == 1


def test_old_commits_go_when_nobody_asks_for_them(repository, cache):
    made = []
    for number in range(8):
        repository.write("number", str(number))
        repository.commit()
        made.append(fetch(repository.wanted())[1])
        # The first four long ago, and the first of all again today.
        if number < 4:
            os.utime(made[-1], (number, number))
    fetch(repository.wanted(commit=made[0].name))
    repository.write("number", "8")
    repository.commit()
    made.append(fetch(repository.wanted())[1])
    assert [folder.exists() for folder in made] == [True, False, False, False, *[True] * 5]


def test_those_that_a_play_may_still_read_stay(repository):
    made = []
    for number in range(8):
        repository.write("number", str(number))
        repository.commit()
        made.append(fetch(repository.wanted())[1])
    assert all(folder.exists() for folder in made)


# -- kills, and two at a time

KILLED = """
import os, sys
sys.path.insert(0, {tests!r})
import conftest
from pathlib import Path
from ansible_collections.foss_data.platform.plugins.module_utils import pipeline_mirror
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_list import Commit
original = pipeline_mirror.{function}
def killed(*arguments, **options):
    if {after}:
        original(*arguments, **options)
    os.kill(os.getpid(), 9)
pipeline_mirror.{function} = killed
pipeline_mirror.fetch(Commit({address!r}, "branch", "main"))
"""


@pytest.mark.parametrize(("function", "after"), [("_update", False), ("_update", True), ("_write", True), ("files_of", True)])
def test_killed_at_any_step(root, repository, cache, function, after):
    code = KILLED.format(tests=str(root / "tests"), function=function, after=after, address=repository.address)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    commit, folder = fetch(repository.wanted())
    assert list(files_of(folder)) == ["pipeline.yml", "scripts/run.sh"]
    assert [path.name for path in folder.parent.iterdir()] == [commit]


def objects(mirror: Path) -> None:
    for path in (mirror / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")


def locks(mirror: Path) -> None:
    for path in list((mirror / "refs" / "wanted").iterdir()):
        path.with_name(f"{path.name}.lock").touch()
    (mirror / "shallow.lock").touch()


@pytest.mark.parametrize(
    "damage",
    [
        objects,
        locks,
        lambda mirror: (mirror / "HEAD").write_text(""),
        lambda mirror: (mirror / "config").write_text("[core"),
        lambda mirror: (mirror / "shallow").write_text("x"),
        lambda mirror: shutil.rmtree(mirror / "objects"),
        lambda mirror: (mirror / "HEAD").unlink(),
    ],
    ids=["objects", "locks", "HEAD", "config", "shallow", "no objects", "no HEAD"],
)
@pytest.mark.parametrize("goes_on", [True, False], ids=["another commit", "the same"])
def test_a_damaged_mirror_heals(repository, cache, damage, goes_on):
    _commit, folder = fetch(repository.wanted())
    [mirror] = mirrors(cache)
    damage(mirror)
    if goes_on:
        repository.write("new.py", "")
        repository.commit()
    else:
        shutil.rmtree(folder)
    commit, folder = fetch(repository.wanted())
    assert commit == repository.git("rev-parse", "HEAD")
    assert files_of(folder)
    assert fetch(repository.wanted()) == (commit, folder)


def test_a_mirror_is_not_thrown_away_for_what_is_not_its_fault(repository, cache):
    fetch(repository.wanted())
    [mirror] = mirrors(cache)
    (mirror / "mark").touch()
    refusal(repository.wanted(branch="none"))
    repository.folder.rename(repository.folder.with_name("gone"))
    refusal(repository.wanted())
    assert (mirror / "mark").exists()


def test_two_at_a_time(repository, monkeypatch):
    """One waits for the other, and finds what it needs."""
    running, most, update = [], [], pipeline_mirror._update
    both = threading.Barrier(2)

    def slow(*arguments):
        running.append(1)
        most.append(len(running))
        update(*arguments)
        running.pop()

    def fetched(_number: int):
        both.wait()
        return fetch(repository.wanted())

    monkeypatch.setattr(pipeline_mirror, "_update", slow)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(fetched, range(2))
    assert first == second
    assert most == [1, 1]


def test_two_processes_at_a_time(root, repository, cache):
    code = KILLED.replace("    os.kill(os.getpid(), 9)\n", "").format(
        tests=str(root / "tests"), function="_update", after=True, address=repository.address
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert [process.returncode for process in running] == [0] * 4


# -- addresses that do not answer


def test_no_repository_there(tmp_path, cache):
    said = "there is no git repository: mend the address, or give this user the right to see it"
    (tmp_path / "empty").mkdir()
    for address in (f"file://{tmp_path}/none", f"{tmp_path}/none", f"file://{tmp_path}/empty"):
        assert refusal(Commit(address, "branch", "main")) == said


def test_an_empty_repository(tmp_path, cache):
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "x.git")], check=True)
    assert refusal(Commit(str(tmp_path / "x.git"), "branch", "main")).startswith("it has no branch main: ")


def test_nobody_answers(cache, closed_port):
    said = f"it does not answer: mend the address, or see to the server, and try `git ls-remote http://***@127.0.0.1:{closed_port}/x`"
    assert refusal(Commit(f"http://me:s3cret@127.0.0.1:{closed_port}/x", "branch", "main")) == said


def test_one_that_says_nothing(cache, monkeypatch):
    monkeypatch.setattr(pipeline_git, "SECONDS", 1)
    monkeypatch.setattr(pipeline_mirror, "SECONDS", 1)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"git://127.0.0.1:{server.getsockname()[1]}/x"
        said = f"it does not answer within 1 s: see to the server, and try `git ls-remote {address}`"
        assert refusal(Commit(address, "branch", "main")) == said
    # Once: another mirror would not help.
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n", "it wants to know who asks"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled\n", "it wants to know who asks"),
        ("fatal: Authentication failed for 'https://h/x'\n", "it wants to know who asks"),
        ("fatal: unable to access 'https://h/x': The requested URL returned error: 403\n", "it wants to know who asks"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.\n", "ssh does not know its host key"),
        ("fatal: unable to access 'https://h/x': Could not resolve host: h\n", "there is no host of that name"),
        ("ssh: Could not resolve hostname h: Name or service not known\n", "there is no host of that name"),
        ("ssh: connect to host h port 22: Connection timed out\n", "it does not answer"),
        ("fatal: unable to access 'https://h/x': The requested URL returned error: 503\n", "it does not answer"),
        ("remote: Not Found\nfatal: repository 'https://h/x/' not found\n", "there is no git repository"),
        ("remote: ERROR: Repository not found.\nfatal: Could not read from remote repository.\n", "there is no git repository"),
    ],
)
def test_what_servers_say(cache, monkeypatch, said, answer):
    """In git's, ssh's and the servers' own words; once, for another mirror would not help."""
    asked = []

    def git(*arguments: str, network: bool = False) -> str:
        if network:
            asked.append(arguments)
            raise pipeline_git.GitError(said)
        return ""

    monkeypatch.setattr(pipeline_mirror, "git", git)
    assert refusal(Commit("https://h/x", "branch", "main")).startswith(answer)
    assert len(asked) == 1


def test_a_reason_that_nobody_foresaw_has_no_credentials(cache, monkeypatch):
    def git(*_arguments: str, network: bool = False) -> str:
        if not network:
            return ""
        raise pipeline_git.GitError(
            "error: pack\nfatal: https://robot:s3%40cret@h/x: robot and s3@cret met an odd end\nhint: no\n"
        )

    monkeypatch.setattr(pipeline_mirror, "git", git)
    said = refusal(Commit("https://robot:s3%40cret@h/x", "branch", "main"))
    assert said == "git can't fetch it (https://***@h/x: *** and *** met an odd end): try `git ls-remote https://***@h/x`"


def test_a_cache_that_can_not_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FDP_CACHE", str(tmp_path / "file"))
    said = f"the cache {tmp_path}/file/pipelines can't be written (Not a directory): name another folder as FDP_CACHE"
    assert refusal(Commit("https://h/x", "branch", "main")) == said


def test_no_git(cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert refusal(Commit("https://h/x", "branch", "main")).startswith("git is not installed on this machine")


def test_nothing_of_a_repository_is_run(repository, tmp_path, cache):
    """Neither its hooks nor its filters, nor what a mirror's template would bring."""
    ran = tmp_path / "ran"
    hook = repository.write(".git/hooks/post-checkout", f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    for name in ("reference-transaction", "pre-auto-gc", "post-index-change"):
        shutil.copy2(hook, hook.with_name(name))
    repository.write(".gitattributes", "*.py filter=evil export-ignore\n*.txt export-subst eol=crlf\n")
    repository.write("code.py", "1\n")
    repository.write("a.txt", "$Format:%H$\n")
    repository.commit()
    ran.unlink(missing_ok=True)
    repository.git("config", "filter.evil.smudge", f"touch {ran}")
    _commit, folder = fetch(repository.wanted())
    assert ((folder / "code.py").read_text(), (folder / "a.txt").read_text()) == ("1\n", "$Format:%H$\n")
    assert not ran.exists()


def test_no_program_is_an_address(cache, tmp_path):
    """Even if one got past the list."""
    refusal(Commit(f"ext::touch% {tmp_path}/ran", "branch", "main"))
    assert not (tmp_path / "ran").exists()


# -- what is in them


def test_links(repository):
    (repository.folder / "code").symlink_to("scripts")
    (repository.folder / "docs").mkdir()
    (repository.folder / "docs" / "readme").symlink_to("../pipeline.yml")
    repository.commit()
    _commit, folder = fetch(repository.wanted())
    files = files_of(folder)
    assert {"code/run.sh", "docs/readme"} <= files.keys()
    assert files["docs/readme"].read_text() == "name: sales\n"


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("link", "/etc/passwd", "link is a link that leads out of its repository, to /etc/passwd: replace it"),
        ("a/link", "../../../secret", "a/link is a link that leads out of its repository, to "),
        ("link", "nowhere", "link is a link to nothing"),
        ("link", ".git/config", "link is a link to .git/config, which git ignores"),
        ("link", "link", "link is a link to nothing, it leads back to itself"),
        ("scripts/up", "..", "scripts/up is a link to "),
    ],
)
def test_links_that_are_refused(repository, cache, name, target, said):
    path = repository.folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)
    commit = repository.commit()
    assert refusal(repository.wanted()).startswith(said)
    # Not when it is asked for again either, and nothing of it stays.
    assert refusal(repository.wanted(commit=commit)).startswith(said)
    assert not [path for path in cache.glob("pipelines/*/*") if path.parent.suffix != ".git"]


def test_links_that_multiply(repository):
    for level in range(1, 26):
        folder = repository.folder / f"l{level}"
        folder.mkdir()
        for name in "ab":
            (folder / name).symlink_to(f"../l{level - 1}" if level > 1 else "../scripts")
    repository.commit()
    assert refusal(repository.wanted()).endswith("lead to more than 1000 folders: replace them by what they stand for")


def test_more_files_than_code_has(repository, monkeypatch):
    monkeypatch.setattr(pipeline_source, "MOST_FILES", 1)
    assert refusal(repository.wanted()).endswith(
        "has more than 1 files: a pipeline's repository holds code, data belongs elsewhere"
    )


def test_trees_that_multiply(repository, monkeypatch):
    monkeypatch.setattr(pipeline_git, "MOST_BYTES", 1 << 20)
    tree = b"100644 f\0" + repository.blob("x")
    for _level in range(8):
        made = repository.git("rev-parse", f"{repository.plant(tree)}^{{tree}}")
        tree = b"".join(b"40000 %d\0" % n + bytes.fromhex(made) for n in range(10))
    repository.plant(tree)
    assert "git lists more than 1 MB of names" in refusal(repository.wanted())


def test_a_submodule(repository, tmp_path):
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.first},lib")
    repository.git("commit", "--quiet", "-m", "x")
    assert refusal(repository.wanted()) == "lib is a submodule, which is not fetched: put its files into the repository"


def test_a_pointer_to_a_large_file(repository):
    repository.write("big.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    repository.commit()
    assert refusal(repository.wanted()).startswith("big.csv is kept in git LFS, which is not fetched")


def test_large_files(repository, monkeypatch):
    monkeypatch.setattr(pipeline_mirror, "LARGEST", 5)
    assert "its files are larger than" in refusal(repository.wanted())


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\x7f"])
def test_names_that_are_no_text(repository, name):
    repository.write(name, "")
    repository.commit()
    assert refusal(repository.wanted()) == f"the file {name!r} has a name that is not printable UTF-8: rename it"


def test_a_name_that_is_no_utf8(repository):
    repository.plant(b"100644 \xff\0" + repository.blob("x"))
    assert refusal(repository.wanted()) == r"the file '\udcff' has a name that is not printable UTF-8: rename it"


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT"])
def test_names_that_lead_elsewhere(repository, tmp_path, name):
    inner = bytes.fromhex(
        repository.git("rev-parse", f"{repository.plant(b'100644 x' + bytes(1) + repository.blob('x'))}^{{tree}}")
    )
    repository.plant(b"40000 " + name + b"\0" + inner)
    assert refusal(repository.wanted()).endswith("has a name that no checkout could have: rename it")


def test_a_link_and_a_folder_of_one_name(repository, tmp_path):
    """The file in the folder would be written where the link leads."""
    inner = repository.git("rev-parse", f"{repository.plant(b'100644 x' + bytes(1) + repository.blob('x'))}^{{tree}}")
    link = repository.blob(str(tmp_path / "cache"))
    repository.plant(b"120000 a\0" + link + b"40000 a\0" + bytes.fromhex(inner))
    assert refusal(repository.wanted()).startswith("its files can't be written to ")
    assert not (tmp_path / "cache" / "x").exists()


def test_a_name_that_is_too_long(repository):
    repository.plant(b"100644 " + b"x" * 300 + b"\0" + repository.blob("x"))
    assert refusal(repository.wanted()).startswith("its files can't be written to ")


def test_odd_names_travel(repository, tmp_path):
    names = [
        "-rf",
        "--checkpoint-action=exec=sh x",
        "a b",
        "blå.txt",
        "$(id)",
        "a;b",
        "'q'",
        "x" * 200,
        "d/" * 60 + "deep",
        "back\\slash",
    ]
    for name in names:
        repository.write(name, "x")
    repository.commit()
    _commit, folder = fetch(repository.wanted())
    pack(files_of(folder), tmp_path / "bundle.tar")
    with tarfile.open(tmp_path / "bundle.tar") as bundle:
        assert {f"./{name}" for name in names} <= set(bundle.getnames())
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", str(tmp_path / "bundle.tar"), "-C", str(tmp_path / "out")], check=True)
    assert all((tmp_path / "out" / name).read_text() == "x" for name in names)
