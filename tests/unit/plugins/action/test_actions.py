# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The control side of artifact and service_files, in real plays against this machine: what travels, and what a person reads."""

import getpass
import grp
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_list import Commit
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_mirror import fetch
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of, release_id

ME = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
TOOL = b"#!/bin/sh\necho tool\n"


@pytest.fixture
def play(tmp_path, root, cache):
    """Runs tasks with variables; returns the exit code and each task's result by its name."""

    def run(tasks: list[dict], *options: str, **variables) -> tuple[int, dict]:
        content = [
            {
                "hosts": "all",
                "gather_facts": False,
                "vars": {"ansible_python_interpreter": sys.executable, **variables},
                "tasks": tasks,
            }
        ]
        (tmp_path / "play.yml").write_text(json.dumps(content))
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(root / "collections"),
            "ANSIBLE_CONFIG": str(tmp_path / "none.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
        }
        command = ["ansible-playbook", "-i", "here,", "-c", "local", str(tmp_path / "play.yml"), *options]
        # Not in the checkout, whose ansible.cfg would be found.
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False)
        said = re.search(r"^\{\n.*^\}$", done.stdout, re.DOTALL | re.MULTILINE)
        assert said, done.stdout + done.stderr
        said = json.loads(said.group(0))
        return done.returncode, {t["task"]["name"]: t["hosts"]["here"] for p in said["plays"] for t in p["tasks"]}

    return run


# -- artifact


@pytest.fixture
def catalogue(web) -> dict:
    """A catalogue with one artifact, which a web server has in two versions."""
    versions = {}
    for version in ("2.0", "1.0"):
        (web.folder / f"tool-{version}").write_bytes(TOOL + version.encode())
        versions[version] = hashlib.sha256(TOOL + version.encode()).hexdigest()
    return {"tool": {"kind": "url", "address": f"{web.address}/tool-{{version}}", "licence": "MIT", "versions": versions}}


def artifact(name: str, dest: Path, **options) -> dict:
    return {"name": name, "foss_data.platform.artifact": {"name": "tool", "dest": str(dest), **options}}


def test_an_artifact_from_the_catalogue_to_the_host(play, catalogue, web, tmp_path):
    dest = tmp_path / "opt"
    code, results = play(
        [artifact("install", dest), artifact("again", dest), artifact("back", dest, version="1.0")], artifacts=catalogue
    )
    assert code == 0, results
    assert [results[n]["changed"] for n in ("install", "again", "back")] == [True, False, True]
    # The first of the catalogue is installed when none is named.
    assert (results["install"]["version"], results["back"]["previous"]) == ("2.0", "2.0")
    assert os.readlink(dest / "current") == "1.0"
    assert (dest / "current" / "bin" / "tool-1.0").read_bytes() == TOOL + b"1.0"
    assert web.asked == ["/tool-2.0", "/tool-1.0"]
    assert [p for p in (tmp_path / "remote").rglob("*") if p.is_file()] == []


def test_of_several_locks_equal_ones_are_built_once(play, tmp_path):
    """And one that can't be hurts no other."""
    locks = {}
    for name, text in {"a": "", "b": "", "c": "# another\n"}.items():
        locks[name] = tmp_path / f"{name}.txt"
        locks[name].write_text(text)
    items = [
        {"lock": str(path), "dest": str(tmp_path / "envs"), "switch": False} for path in [*locks.values(), tmp_path / "none"]
    ]
    task = {"name": "build", "foss_data.platform.artifact": {"aggregate": items}}
    code, results = play([task], "--check")
    assert code == 0, results
    a, b, c, none = results["build"]["results"]
    assert (a["path"] == b["path"], a["path"] == c["path"], a["changed"], a["lock"]) == (True, False, True, str(locks["a"]))
    assert (none["failed"], none["msg"].count("name an existing requirements file")) == (True, 1)


def test_check_mode_fetches_nothing(play, catalogue, web, tmp_path):
    code, results = play([artifact("install", tmp_path / "opt")], "--check", artifacts=catalogue)
    assert code == 0
    assert results["install"]["changed"]
    assert web.asked == []
    assert not (tmp_path / "opt").exists()


def test_a_wrong_checksum_stops_the_play_and_leaves_the_host_as_it_was(play, catalogue, web, tmp_path):
    (web.folder / "tool-2.0").write_bytes(b"tampered")
    code, results = play([artifact("install", tmp_path / "opt")], artifacts=catalogue)
    message = results["install"]["msg"]
    assert code == 2
    assert all(
        part in message for part in ("tool 2.0", catalogue["tool"]["versions"]["2.0"], hashlib.sha256(b"tampered").hexdigest())
    )
    assert message.count("wrong checksum") == 1
    assert not (tmp_path / "opt").exists()


def test_a_mirror_is_one_variable(play, catalogue, web, tmp_path):
    mirrored = tmp_path / "mirror" / "tool" / "2.0" / "tool-2.0"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes((web.folder / "tool-2.0").read_bytes())
    tasks = [artifact("install", tmp_path / "opt")]
    code, results = play(tasks, artifacts=catalogue, artifact_mirror=str(tmp_path / "mirror"))
    assert code == 0, results
    assert web.asked == []


# -- pipeline_release


@pytest.fixture
def pipeline(tmp_path) -> dict:
    """Options for a repository with one file."""
    source = tmp_path / "sales"
    source.mkdir()
    (source / "code.py").write_text("1\n")
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    return {"source": str(source), "path": str(tmp_path / "srv"), "user": ME["owner"], "python": sys.executable}


def test_a_release_is_known_by_what_would_travel(play, pipeline):
    tasks = [{"name": "release", "foss_data.platform.pipeline_release": pipeline}]
    code, results = play(tasks, "--check")
    assert (code, results["release"]["changed"]) == (0, True)
    assert results["release"]["release"] == release_id(files_of(Path(pipeline["source"])))


def test_a_repository_that_is_edited_meanwhile(play, pipeline):
    """Its manifest was read before: of one state, and the code of another, nobody knows what it does."""
    tasks = [{"name": "release", "foss_data.platform.pipeline_release": pipeline | {"release": "0d9e4c2ab71f"}}]
    code, results = play(tasks)
    assert (code, results["release"]["msg"]) == (2, f"{pipeline['source']} was changed while it was deployed: deploy again.")


def test_a_commit_is_known_by_its_own_id(play, pipeline):
    """It has no .git to ask what counts, and need not be known by a sum."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["add", "--all"], [*who, "commit", "--quiet", "-m", "x"]):
        subprocess.run(["git", "-C", pipeline["source"], *command], check=True)
    head = subprocess.check_output(["git", "-C", pipeline["source"], "rev-parse", "HEAD"], text=True).strip()
    commit, folder = fetch(Commit(pipeline["source"], "commit", head))
    tasks = [
        {"name": "right", "foss_data.platform.pipeline_release": pipeline | {"source": str(folder), "release": commit[:12]}},
        {"name": "other", "foss_data.platform.pipeline_release": pipeline | {"source": str(folder), "release": "0" * 12}},
    ]
    _code, results = play(tasks, "--check")
    assert (results["right"]["release"], results["right"]["changed"]) == (head[:12], True)
    assert "was changed while it was deployed" in results["other"]["msg"]


# -- service_files


def files(name: str, *entries: dict, **options) -> dict:
    entries = [{**ME, **entry} for entry in entries]
    return {"name": name, "foss_data.platform.service_files": {"service": "a-test-of-the-platform", "files": entries, **options}}


def test_templates_are_rendered_and_shipped_at_once(play, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.j2").write_text("port={{ port }}\n{% if extra is defined %}\nnever\n{% endif %}\nend\n")
    dest = tmp_path / "a.conf"
    code, results = play(
        [
            files("write", {"template": "a.j2", "dest": str(dest)}, {"content": "x\n", "dest": str(tmp_path / "b.conf")}),
            files("again", {"template": "a.j2", "dest": str(dest)}, {"content": "x\n", "dest": str(tmp_path / "b.conf")}),
        ],
        "--diff",
        port=8080,
    )
    assert code == 0, results
    assert dest.read_text() == "port=8080\nend\n"
    assert results["write"]["changed_paths"] == [str(dest), str(tmp_path / "b.conf")]
    assert results["write"]["diff"][0]["after"] == dest.read_text()
    assert not results["again"]["changed"]
    assert results["write"]["fingerprint"] == results["again"]["fingerprint"]


def test_the_shared_unit_can_be_extended(play, root, tmp_path):
    """A role's unit extends the template of the internal role."""
    (tmp_path / "templates").mkdir()
    unit = (root / "roles" / "minio" / "templates" / "minio.service.j2").read_text()
    (tmp_path / "templates" / "minio.service.j2").write_text(unit)
    variables = {"minio_address": "127.0.0.1", "minio_port": 9010, "minio_memory_mb": 512, "minio_data_dir": "/var/lib/minio"}
    code, results = play([files("unit", {"template": "minio.service.j2", "dest": str(tmp_path / "minio.service")})], **variables)
    assert code == 0, results
    text = (tmp_path / "minio.service").read_text()
    assert "ProtectSystem=strict" in text
    assert "{{" not in text


def test_a_secret_is_in_no_output_at_all(play, tmp_path):
    dest = tmp_path / "env"
    entry = {"content": "KEY={{ secret_key }}\n", "dest": str(dest), "secret": True, "mode": "0600"}
    code, results = play([files("write", entry)], "--diff", "-vvv", secret_key="quite-secret")
    assert code == 0, results
    assert dest.read_text() == "KEY=quite-secret\n"
    assert "quite-secret" not in json.dumps(results)


def test_several_services_at_once(play, tmp_path):
    """Each renders its own; a secret is in no output then either."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.j2").write_text("port={{ port }}\n")
    conf, env = ME | {"dest": str(tmp_path / "a.conf")}, ME | {"dest": str(tmp_path / "env"), "mode": "0600", "secret": True}
    entries = [conf | {"template": "a.j2"}, env | {"content": "KEY={{ secret_key }}\n"}]
    aggregate = [{"service": "a", "files": "{{ rendered.files }}"}, {"service": "b", "files": [ME | {"dest": str(tmp_path)}]}]
    write = {"foss_data.platform.service_files": {"aggregate": aggregate}}
    tasks = [
        {"name": "render", "foss_data.platform.rendered_files": {"files": entries}, "register": "rendered", "no_log": True},
        {"name": "write", **write, "ignore_errors": True},
        {"name": "write a", "foss_data.platform.service_files": {"aggregate": aggregate[:1]}},
        {"name": "again", "foss_data.platform.service_files": {"aggregate": aggregate[:1]}},
    ]
    code, results = play(tasks, "--diff", "-vvv", port=8080, secret_key="quite-secret")
    assert code == 0, results
    # What is wrong with an entry is known before anything is written.
    assert "give either `template` or `content`" in results["write"]["msg"]
    assert results["write a"]["results"][0]["changed_paths"] == [conf["dest"], env["dest"]]
    assert ((tmp_path / "a.conf").read_text(), (tmp_path / "env").read_text()) == ("port=8080\n", "KEY=quite-secret\n")
    assert not results["again"]["changed"]
    assert "quite-secret" not in json.dumps(results)


def test_a_wrong_entry_is_one_clear_error(play):
    faults = {
        "an entry of `files` has no `dest`": {"content": "x"},
        "/a: give either `template` or `content`": {"dest": "/a"},
        "/b: give either `template` or `content`": {"dest": "/b", "content": "x", "template": "a.j2"},
        "missing.j2": {"dest": "/a", "template": "missing.j2"},
        "no_such_variable": {"dest": "/a", "content": "{{ no_such_variable }}"},
    }
    _, results = play([files(message, entry) | {"ignore_errors": True} for message, entry in faults.items()])
    assert {message: message in result["msg"] for message, result in results.items() if result.get("failed")} == dict.fromkeys(
        faults, True
    )
