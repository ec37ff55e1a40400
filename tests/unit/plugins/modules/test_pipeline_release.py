# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""pipeline_release on the host: only a release that loads is switched to, and nothing half done stays."""

import contextlib
import json
import os
import pwd
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils import current, judging
from ansible_collections.foss_data.platform.plugins.modules import pipeline_release

# What a release runs to get ready: it writes a file, and fails if it is told so.
PREPARE = """
import os, pathlib, sys
pathlib.Path("made").write_text(os.environ.get("SETTING", ""))
pathlib.Path("made").chmod(0o666)
if pathlib.Path("fault").exists():
    sys.exit(pathlib.Path("fault").read_text())
"""
# Runs the command as systemd-run does, but in no unit: those are seen on a host, in tests/verify.
SYSTEMD_RUN = f"""#!{sys.executable}
import json, os, pathlib, subprocess, sys
options, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
pathlib.Path(__file__).with_name("options").write_text(json.dumps(options))
properties, environment = (dict(o.split("=", 2)[1:] for o in options if o.startswith(k)) for k in ("--property", "--setenv"))
given = {{"cwd": properties["WorkingDirectory"], "env": environment, "timeout": float(properties["RuntimeMaxSec"])}}
try:
    code = subprocess.run(command, **given).returncode
    result = "success" if code == 0 else "exit-code"
except subprocess.TimeoutExpired:
    code, result = 1, "timeout"
except FileNotFoundError:
    sys.exit("Failed to start transient service unit: no such user")
if os.environ.get("OUT_OF_MEMORY"):
    code, result = 1, "oom-kill"
sys.stderr.write(f"Running as unit: x.service\\nFinished with result: {{result}}\\n")
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def systemd(tmp_path, monkeypatch) -> Path:
    """A folder of programs that stand for systemd's, with the options that the last one was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"systemd-run": SYSTEMD_RUN, "systemctl": "#!/bin/sh\nexit 5\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "sales"
    folder.mkdir()
    return folder


@pytest.fixture
def install(module, home, tmp_path):
    """Runs the module for a release that consists of ``files``, or only asks for it."""

    def run(release: str, ship: bool = True, check: bool = False, files: dict | None = None, **options) -> dict:
        if ship:
            bundle = tmp_path / f"{release}.tar"
            with tarfile.open(bundle, "w") as out:
                for name, text in {"prepare.py": PREPARE, **(files or {})}.items():
                    (tmp_path / "file").write_text(text)
                    out.add(tmp_path / "file", f"./{name}")
            options["bundle"] = str(bundle)
        arguments = {
            "source": "/control/side",
            "path": str(home),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "python": sys.executable,
            "command": ["prepare.py"],
            "release": release,
        }
        if ship or "bundle" in options or check:
            return module(pipeline_release.main, check=check, **(arguments | options))
        [asked] = module(pipeline_release.main, aggregate=[arguments | options])["results"]
        return asked

    return run


def releases(home: Path) -> list[str]:
    return sorted(os.listdir(home / "releases")) if (home / "releases").exists() else []


def test_first_release(install, home):
    done = install("aaa", environment={"SETTING": "given"})
    folder = home / "releases" / "aaa"
    assert (done["changed"], done["previous"], done["path"]) == (True, "", str(folder))
    assert (folder / "made").read_text() == "given"
    assert done["diff"] == {"before": f"{folder}: absent\n", "after": f"{folder}: ready\n"}


def test_one_that_can_not_be_unpacked_leaves_nothing(install, home, tmp_path):
    (tmp_path / "cut.tar").write_bytes(b"no tar at all" * 100)
    failed = install("aaa", ship=False, bundle=str(tmp_path / "cut.tar"))
    assert failed["msg"].startswith("the release aaa does not load: it could not be unpacked: tar: ")
    assert releases(home) == []


def test_it_is_not_switched_to(install, home):
    """That it loads does not say that it runs."""
    install("aaa")
    assert sorted(os.listdir(home)) == ["releases"]
    current.switch(str(home), "releases/aaa")
    assert install("bbb")["previous"] == "aaa"
    assert os.readlink(home / "current") == "releases/aaa"


def test_it_says_what_it_runs_in(install, home, tmp_path):
    """Else it would be removed with the environments that nobody needs."""
    link, python = home / "releases" / "aaa" / ".environment", tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    install("aaa", python=str(python))
    assert os.readlink(link) == str(tmp_path / "env")
    # One from before there were such links says so when it is deployed again.
    link.unlink()
    install("aaa", python=str(python), ship=False, check=True)
    assert not os.path.lexists(link)
    install("aaa", python=str(python), ship=False)
    assert os.readlink(link) == str(tmp_path / "env")


def test_roots_umask_closes_no_folder(install, home, strict_umask):
    install("aaa")
    assert f"{(home / 'releases').stat().st_mode & 0o7777:04o}" == "0755"


def test_nothing_to_do(install, home):
    install("aaa")
    assert not install("aaa")["changed"]


def test_the_host_says_which_it_needs(install, home):
    asked = install("aaa", ship=False)
    assert (asked["missing"], asked["changed"]) == (True, False)
    assert releases(home) == []
    install("aaa")
    assert not install("aaa", ship=False)["missing"]


def test_check_mode_predicts_and_does_nothing(install, home):
    assert install("aaa", ship=False, check=True)["changed"]
    assert os.listdir(home) == []


def test_what_runs_can_not_be_changed_by_it(install, home):
    install("aaa")
    modes = {path.stat().st_mode & 0o022 for path in (home / "releases" / "aaa").rglob("*")}
    assert modes == {0}


def test_a_release_that_does_not_load(install, home):
    install("aaa")
    current.switch(str(home), "releases/aaa")
    failed = install("bbb", files={"fault": "checks.py, line 3: invalid syntax"})
    assert failed["failed"]
    assert failed["msg"] == "the release bbb does not load, the one before stays: checks.py, line 3: invalid syntax"
    assert os.readlink(home / "current") == "releases/aaa"
    assert releases(home) == ["aaa"]


def test_one_that_never_gets_ready(install, home):
    failed = install("aaa", files={"prepare.py": "import time\ntime.sleep(600)\n"}, timeout=1)
    assert failed["msg"].startswith("the release aaa does not load: it took more than 1 s and was stopped: deploy it again when")
    assert releases(home) == []


def test_one_that_says_nothing(install):
    assert "it ended with 7 and said nothing" in install("aaa", files={"prepare.py": "import sys\nsys.exit(7)\n"})["msg"]


def test_one_that_needs_too_much_memory(install, monkeypatch):
    monkeypatch.setenv("OUT_OF_MEMORY", "1")
    assert "it needed more memory than `memory_mb` of its pipeline.yml allows" in install("aaa")["msg"]


def test_systemd_refuses(install, systemd):
    (systemd / "systemd-run").write_text("#!/bin/sh\necho Unknown assignment: Tpye=exec >&2; exit 1\n")
    assert install("aaa")["msg"] == "the release aaa does not load: Unknown assignment: Tpye=exec"


def test_the_unit_that_it_is_prepared_in(install, systemd):
    """The last of a property counts, so what is given does not take the place of what the module needs."""
    install("aaa", properties=["MemoryMax=512M", "Restart=on-failure", "KillMode=process"])
    options = json.loads((systemd / "options").read_text())
    assert {"--wait", "--pipe", "--collect", "--unit=pipeline-prepare-sales.service"} <= set(options)
    properties = dict(o.split("=", 2)[1:] for o in options if o.startswith("--property"))
    assert (
        properties.items()
        >= {
            "User": pwd.getpwuid(os.getuid()).pw_name,
            "MemoryMax": "512M",
            "PrivateNetwork": "yes",
            "Restart": "no",
            "KillMode": "control-group",
            "RuntimeMaxSec": "300",
        }.items()
    )


def test_settings_arrive_as_they_are(install, home):
    text = "a $HOME ${HOME} ~ %h '\" \\n\nb"
    install("aaa", environment={"SETTING": text})
    assert (home / "releases" / "aaa" / "made").read_text() == text


def test_only_the_end_of_a_long_complaint(install):
    failed = install("aaa", files={"fault": "\n".join(f"line {n}" for n in range(50))})
    assert "line 49" in failed["msg"]
    assert "line 20" not in failed["msg"]


def test_what_an_interrupted_play_left_is_no_release(install, home):
    (home / "releases" / "aaa").mkdir(parents=True)
    (home / "releases" / "aaa" / "rubbish").write_text("half")
    assert install("aaa", ship=False)["missing"]
    install("aaa")
    assert not (home / "releases" / "aaa" / "rubbish").exists()


def test_one_that_is_being_prepared_is_waited_for(home):
    """A play that was killed leaves its last task running on the host."""
    order = []

    def later():
        with pipeline_release.exclusive(str(home)):
            order.append("later")

    with pipeline_release.exclusive(str(home)):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "later"]


def test_only_one_at_a_time_works_there(install, home, monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline_release, "exclusive", lambda path: asked.append(path) or contextlib.nullcontext())
    install("aaa", check=True)
    assert asked == []
    install("aaa")
    assert asked == [str(home)]


# -- code that means no good


@pytest.fixture
def outside(tmp_path) -> Path:
    """A folder that is none of its business, with a file."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (folder / "passwd").write_text("root")
    (folder / "passwd").chmod(0o666)
    return folder


def untouched(outside: Path) -> bool:
    file = outside / "passwd"
    return (outside.stat().st_mode & 0o777, file.stat().st_mode & 0o777, file.read_text()) == (0o777, 0o666, "root")


def test_links_that_a_release_leaves_are_not_followed(install, home, outside):
    links = f"import os\nos.symlink({str(outside)!r}, 'folder'); os.symlink({str(outside / 'passwd')!r}, 'file')\n"
    assert install("aaa", files={"prepare.py": links})["changed"]
    assert untouched(outside)


@pytest.mark.parametrize("name", [".ready", ".environment"])
def test_nor_one_in_the_place_of_what_is_the_platforms(install, home, outside, name):
    link = f"import os\nos.symlink({str(outside / 'passwd')!r}, {name!r})\n"
    failed = install("aaa", files={"prepare.py": link})
    assert f"it has a file {name} at its top, where the platform keeps one: rename it" in failed["msg"]
    assert untouched(outside)
    assert releases(home) == []


def test_a_folder_that_is_swapped_for_a_link_meanwhile(home, outside, monkeypatch):
    """The moment between looking and acting, made as long as it takes."""
    folder = home / "aaa"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "passwd").write_text("mine")

    def swap(at, *_, dir_fd=None, follow_symlinks=True):
        named = os.readlink(f"/proc/self/fd/{at}") if isinstance(at, int) else at
        parent = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else ""
        if os.path.join(parent, named).startswith(str(folder / "sub")) and not (folder / "sub").is_symlink():
            (folder / "sub").rename(folder / "moved")
            (folder / "sub").symlink_to(outside)

    def first_swap(real):
        return lambda *args, **options: (swap(*args, **options), real(*args, **options))[1]

    for name in "chown", "fchown", "chmod", "fchmod":
        monkeypatch.setattr(os, name, first_swap(getattr(os, name)))
    with contextlib.suppress(OSError):
        pipeline_release.own(str(folder), os.getuid(), os.getgid(), 0o022)
    assert (folder / "sub").is_symlink()
    assert untouched(outside)


def test_what_is_no_file(install, home):
    failed = install("aaa", files={"prepare.py": "import os\nos.mkfifo('pipe')\n"})
    assert "it left pipe, which is neither a file nor a folder nor a link" in failed["msg"]
    assert releases(home) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user beside its own")
def test_a_mark_of_its_own_makes_no_release(install, home):
    """It was killed while it prepared: its folder is still the pipeline's."""
    folder = home / "releases" / "aaa"
    folder.mkdir(parents=True)
    (folder / ".ready").write_text("aaa")
    os.chown(folder, 1, 1)
    assert install("aaa", ship=False)["missing"]


def test_a_release_that_breaks_the_platforms_rules_is_refused_with_all_of_them(install, home):
    manifest = {"name": "sales", "schemas": ["raw"], "publishes": ["marts"]}
    parsed = {"dbt/target/manifest.json": json.dumps({"nodes": {}, "sources": {}})}
    refused = install("aaa", files=parsed, manifest=manifest)
    assert refused["msg"].startswith("the release aaa does not load: it breaks the platform's rules: pipeline.yml: `owner.team`")
    assert all(word in refused["msg"] for word in ("`owner.email`", "`retention_days`", "it publishes marts"))
    assert "\n" not in refused["msg"]
    assert releases(home) == []
    good = {"name": "sales", "schemas": ["raw"], "owner": {"team": "a", "email": "b"}, "retention_days": "forever"}
    assert install("aaa", files=parsed, manifest=good)["changed"]
    # Whoever asks for rules gets them: without dbt's word nothing was held against them.
    assert "is missing" in install("bbb", manifest=good)["msg"]


def of_people(*columns: dict) -> dict[str, str]:
    """Files of a release with one published table."""
    columns = {column["name"]: {"tags": [], "meta": {}} | column for column in ({"name": "id"}, *columns)}
    model = {"resource_type": "model", "unique_id": "people", "name": "people", "alias": "people", "schema": "sales_marts"}
    model |= {"config": {"materialized": "table"}, "description": "Said.", "tags": [], "meta": {}, "columns": columns}
    tests = {
        name: {
            "resource_type": "test",
            "config": {},
            "test_metadata": {"name": name, "kwargs": {"column_name": "id"}},
            "attached_node": "people",
        }
        for name in ("unique", "not_null")
    }
    return {"dbt/target/manifest.json": json.dumps({"nodes": {"people": model} | tests, "sources": {}})}


PUBLISHING = {
    "name": "sales",
    "schemas": ["raw", "marts"],
    "publishes": ["marts"],
    "owner": {"team": "a", "email": "b"},
    "retention_days": "forever",
}
MAIL = {"name": "mail", "tags": ["pii"], "meta": {"mask": "hash"}}


def test_it_says_what_others_may_see(install):
    masked = {"marts": {"people": {"mail": "hash"}}}
    assert install("aaa", manifest=PUBLISHING, check=True, files=of_people(MAIL))["masks"] == {}
    assert install("aaa", manifest=PUBLISHING, files=of_people(MAIL))["masks"] == masked
    # As well if it was there already, and whoever has no rules has no masks.
    again = install("aaa", manifest=PUBLISHING, ship=False)
    assert (again["changed"], again["masks"]) == (False, masked)
    assert "masks" not in install("aaa", ship=False)
    assert install("aaa", manifest=PUBLISHING | {"publishes": []}, ship=False)["masks"] == {}


def test_a_release_that_may_be_gone_back_to_shows_no_more_than_it_did(install):
    masked = {"marts": {"people": {"mail": "hash"}}}
    install("aaa", manifest=PUBLISHING, files=of_people(MAIL))
    assert install("bbb", manifest=PUBLISHING, check=True, ship=False)["masks"] == masked
    assert install("bbb", manifest=PUBLISHING, files=of_people())["masks"] == masked
    # Until one says that it is not about persons.
    assert install("ccc", manifest=PUBLISHING, files=of_people({"name": "mail"}))["masks"] == {}
    assert install("bbb", manifest=PUBLISHING, ship=False)["masks"] == {}


def test_it_fails_if_the_masks_can_not_be_known(install, home):
    install("aaa", manifest=PUBLISHING, files=of_people(MAIL))
    (home / "releases" / "aaa" / "dbt" / "target" / "manifest.json").chmod(0o644)
    (home / "releases" / "aaa" / "dbt" / "target" / "manifest.json").write_text("{")
    failed = install("aaa", manifest=PUBLISHING, ship=False)
    assert failed["msg"].startswith("what others may see of the release aaa is not known: dbt/target/manifest.json is not what")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (f"[{'[[]],' * 2_000_000}0]", "reading dbt/target/manifest.json takes more than 16 MiB of memory or 60 s, or says more"),
        ("[" * 100_000, "dbt/target/manifest.json is not what `dbt parse` writes (RecursionError: "),
    ],
    ids=["wide", "deep"],
)
def test_what_the_pipeline_wrote_is_read_within_limits(install, home, monkeypatch, content, fault):
    """Root reads it: 64 MB of empty lists were two gigabytes."""
    monkeypatch.setattr(judging, "JUDGING_MB", 16)
    refused = install("aaa", files={"dbt/target/manifest.json": content}, manifest=PUBLISHING)
    assert fault in refused["msg"]
    assert "\n" not in refused["msg"]
    assert releases(home) == []


def test_what_takes_long_to_judge_is_ended(install, home, monkeypatch):
    def endless(_folder, _manifest):
        while True:
            pass

    monkeypatch.setattr(judging, "JUDGING_SECONDS", 1)
    monkeypatch.setattr(pipeline_release, "release_faults", endless)
    said = install("aaa", manifest=PUBLISHING)["msg"]
    assert "takes more than 512 MiB of memory or 1 s, or says more than 4 MiB: it has to be what `dbt parse` writes" in said
    assert releases(home) == []


def test_what_is_said_of_it_has_an_end(install, home, monkeypatch):
    """The answer is in root's memory, and in the one result of all pipelines."""
    monkeypatch.setattr(judging, "ANSWER", 1000)
    monkeypatch.setattr(pipeline_release, "release_faults", lambda _folder, _manifest: ["x" * 10_000_000])
    said = install("aaa", manifest=PUBLISHING)["msg"]
    assert "says more than" in said
    assert len(said) < 1000
    assert releases(home) == []


def test_a_release_that_is_missing_is_asked_for_whatever_the_one_before_says(install, home):
    """It may be the cure."""
    install("aaa", manifest=PUBLISHING, files=of_people(MAIL))
    (home / "releases" / "aaa" / "dbt" / "target" / "manifest.json").unlink()
    asked = install("bbb", manifest=PUBLISHING, ship=False)
    assert (asked["missing"], asked["failed"], "masks" in asked) == (True, False, False)


def test_what_it_says_itself_is_kept_for_its_end_alone(install, monkeypatch):
    """It may say gigabytes, and the module is root's."""
    heard = []
    run = pipeline_release.AnsibleModule.run_command

    def hear(*arguments, **options):
        heard.append(run(*arguments, **options))
        return heard[-1]

    monkeypatch.setattr(pipeline_release.AnsibleModule, "run_command", hear)
    chatter = "print('said\\n' * 20_000, flush=True)\nraise SystemExit('and the fault')"
    assert install("aaa", files={"prepare.py": chatter})["msg"].endswith("and the fault")
    assert max(len(out) for _rc, out, _err in heard) == 20_000


def test_what_is_said_of_it_is_not_without_end(install, home):
    columns = [{"name": f"{number}{'x' * 900}", "tags": ["pii"]} for number in range(100)]
    said = install("aaa", files=of_people(*columns), manifest=PUBLISHING)["msg"]
    assert 20_000 < len(said) < 20_200
    assert said.endswith(" …")


RECORDING = """
import pathlib
pathlib.Path(".answers").mkdir()
pathlib.Path(".answers/ListRepositories-" + "0" * 32).write_text("recorded")
"""


def test_what_was_recorded_is_handed_over(install, home, tmp_path):
    (tmp_path / "state").mkdir()
    answers = {"state": str(tmp_path / "state"), "name": "sales", "code": "id-1", "owner": pwd.getpwuid(os.getuid()).pw_name}
    install("aaa", files={"prepare.py": RECORDING}, answers=answers)
    assert [f.read_text() for f in (tmp_path / "state/sales/id-1").iterdir()] == ["recorded"]
    assert not (home / "releases/aaa/.answers").exists()
    # Prepared without a recording, by what the pipeline itself brings.
    failed = install("bbb", answers=answers)
    assert "bbb does not load: its preparation recorded no folder .answers" in failed["msg"]
    assert releases(home) == ["aaa"]
