# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The lookup pipelines: what is wrong with one is told with it, before any host is touched, and holds up no other."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible_collections.foss_data.platform.plugins.lookup import pipelines as lookup_of
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_source import files_of, release_id

MANIFEST = """
name: %s
title: Sales
owner: {team: Shop, email: shop@example.org}
schedule: "0 * * * *"
format: iceberg
schemas: [raw]
retention_days: forever
settings: {ADDRESS: manifest, OTHER: kept}
"""


@pytest.fixture
def repository(tmp_path, cache):
    """Makes a pipeline's repository; the entry of its folder."""

    def make(folder: str, name: str | None = None, *more: str) -> dict:
        path = tmp_path / folder
        path.mkdir()
        (path / "pipeline.yml").write_text("\n".join([MANIFEST % (name or folder), *more]))
        subprocess.run(["git", "init", "--quiet", "-b", "main", str(path)], check=True)
        return {"path": str(path)}

    return make


@pytest.fixture
def pushed(repository):
    """The same with a commit; the entry of its branch."""

    def make(*arguments: str, **more: str) -> dict:
        path = repository(*arguments)["path"]
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        for command in (["add", "--all"], [*who, "commit", "--quiet", "-m", "x"]):
            subprocess.run(["git", "-C", path, *command], check=True)
        return {"git": f"file://{path}", **(more or {"branch": "main"})}

    return make


@pytest.fixture
def fetched(monkeypatch) -> list[str]:
    """What was fetched through the network."""
    asked, fetch = [], lookup_of.fetch

    def counted(wanted, network=True):
        if network:
            asked.append(str(wanted).rsplit("/", 1)[-1])
        return fetch(wanted, network)

    monkeypatch.setattr(lookup_of, "fetch", counted)
    return asked


def look(*terms, variables=None, **options) -> list[dict]:
    """What the lookup gives."""
    return lookup_loader.get("foss_data.platform.pipelines").run(list(terms), variables=variables or {}, **options)


def refusal(*terms, **options) -> str:
    with pytest.raises(AnsibleLookupError) as caught:
        look(*terms, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def head(term: dict) -> str:
    folder = term["git"].removeprefix("file://")
    return subprocess.check_output(["git", "-C", folder, "rev-parse", "HEAD"], text=True).strip()


# -- what is found


def test_a_folder(repository):
    term = repository("sales")
    [found] = look(term)
    assert found["manifest"]["timezone"] == "UTC"
    assert {k: v for k, v in found.items() if k != "manifest"} == {
        "name": "sales",
        "source": term["path"],
        "fault": "",
        "path": term["path"],
        "release": release_id(files_of(Path(term["path"]))),
        "user": "pl-sales",
        "settings": {"ADDRESS": "manifest", "OTHER": "kept"},
    }


def test_a_commit(pushed, cache):
    term = pushed("sales")
    [found] = look(term)
    assert (found["name"], found["source"], found["fault"]) == ("sales", f"{term['git']}@main", "")
    assert found["release"] == head(term)[:12]
    assert Path(found["path"]).is_relative_to(cache)
    assert list(files_of(Path(found["path"]))) == ["pipeline.yml"]


def test_a_path_is_relative_to_the_repository():
    [found] = look({"path": "pipelines/stavanger_parking"})
    assert found["path"] == str(lookup_of.ROOT / "pipelines" / "stavanger_parking")


def test_no_pipelines():
    assert look() == []


def test_one_file_each(repository, pushed, tmp_path):
    (tmp_path / "pipelines.d").mkdir()
    for name in "stock", "ads":
        (tmp_path / "pipelines.d" / f"{name}.yml").write_text(json.dumps(pushed(name)))
    there = {"variables": {"inventory_dir": str(tmp_path)}}
    assert [found["name"] for found in look(repository("sales"), **there)] == ["sales", "ads", "stock"]
    assert [found["name"] for found in look(folder=str(tmp_path / "pipelines.d"))] == ["ads", "stock"]


def test_no_folder_of_files(tmp_path):
    assert look(variables={"inventory_dir": str(tmp_path)}) == []
    assert look(variables={"inventory_dir": None}) == []
    assert f"There is no folder {tmp_path}/x: mend `folder`" in refusal(folder=str(tmp_path / "x"))


def test_fifty_are_fetched_side_by_side(pushed, monkeypatch):
    """None ends before four have begun."""
    four, fetch = threading.Barrier(4), lookup_of.fetch

    def slow(*arguments, **options):
        four.wait(timeout=60)
        return fetch(*arguments, **options)

    monkeypatch.setattr(lookup_of, "fetch", slow)
    names = ["a1", "a2", "a3", "a4"]
    assert [found["name"] for found in look(*map(pushed, names))] == names


# -- one of them


def test_only_one(repository):
    terms = [repository("sales"), repository("stock")]
    assert [found["name"] for found in look(*terms)] == ["sales", "stock"]
    assert [found["name"] for found in look(*terms, only="stock")] == ["stock"]
    assert "There is no pipeline stokc in the list `pipelines`, which has sales, stock." in refusal(*terms, only="stokc")


def test_only_one_fetches_no_other_whose_name_is_known(pushed, fetched):
    terms = [pushed("sales") | {"name": "sales"}, pushed("stock") | {"name": "stock"}, pushed("unknown")]
    assert [found["name"] for found in look(*terms, only="stock")] == ["stock"]
    assert sorted(fetched) == ["stock@main", "unknown@main"]


def test_the_list_alone_is_read_from_no_repository(fetched, tmp_path):
    (tmp_path / "pipelines.d").mkdir()
    (tmp_path / "pipelines.d" / "stock.yml").write_text("git: https://git.example.org/s.git\nbranch: main\n")
    gone = {"path": str(tmp_path / "gone")}
    of_list = {"folder": str(tmp_path / "pipelines.d"), "read": False}
    named = {"git": "https://git.example.org/x.git", "branch": "main", "name": "sales"}
    assert [p["name"] for p in look(gone, named, **of_list)] == ["gone", "sales", "stock"]
    assert [(p["name"], p["source"], p["release"]) for p in look(gone, named, only="sales", **of_list)] == [
        ("sales", "https://git.example.org/x.git@main", "")
    ]
    # It is no fault to look for one that there isn't.
    assert look(gone, named, only="other", **of_list) == []
    assert fetched == []


def test_another_that_is_known_from_before_still_counts(pushed):
    terms = [pushed("sales", "sales", "schemas: [raw, eu_raw]") | {"name": "sales"}, pushed("sales_eu") | {"name": "sales_eu"}]
    manifest = Path(terms[0]["git"].removeprefix("file://"), "pipeline.yml")
    assert "schemas: [raw]\n" in manifest.read_text()
    manifest.write_text(manifest.read_text().replace("schemas: [raw]\n", ""))
    subprocess.run(
        ["git", "-C", str(manifest.parent), *["-c", "user.name=x", "-c", "user.email=x@x.x", "commit", "-qam", "x"]], check=True
    )
    assert look(terms[1], only="sales_eu")[0]["fault"] == ""
    look(*terms)
    [found] = look(*terms, only="sales_eu")
    assert "would both have the schema sales_eu_raw" in found["fault"]


def test_one_that_is_wanted_and_can_not_be_read(repository, pushed):
    """Its name is known from the list, or from the manifest in spite of its faults, or else guessed."""
    gone = pushed("gone")
    shutil.rmtree(gone["git"].removeprefix("file://"))
    terms = [gone, gone | {"name": "other"}, repository("folder", "faulty", "colour: red")]
    for name in "gone", "other", "faulty":
        [found] = look(*terms, only=name)
        assert found["fault"]
    said = refusal(*terms, only="sales")
    assert "There is no pipeline sales in the list `pipelines`, which has" in said
    assert f"not all of them can be read: gone: {gone['git']}@main: there is no git repository" in said


# -- settings of the site


def test_settings_of_the_site_win(repository):
    [found] = look(repository("sales"), settings={"sales": {"ADDRESS": "site"}})
    assert found["settings"] == {"ADDRESS": "site", "OTHER": "kept"}


@pytest.mark.parametrize("given", [{"lower": "x"}, {"TRINO_USER": "x"}, {"LIST": [1]}, ["x"], {"A": "x\ny"}])
def test_settings_that_no_manifest_could_have(repository, given):
    bad, good = look(repository("sales"), repository("stock"), settings={"sales": given})
    assert bad["fault"].startswith("`pipeline_settings` of sales: ")
    assert good["fault"] == ""


def test_settings_of_no_pipeline(repository, pushed):
    terms = [repository("sales"), pushed("stock") | {"name": "stock"}]
    said = "`pipeline_settings` has salse, but the list `pipelines` has sales, stock: correct the name, or remove it."
    assert said in refusal(*terms, settings={"salse": {}, "stock": {}})
    # One that was not even fetched is in the list all the same.
    assert look(*terms, only="sales", settings={"stock": {}})[0]["fault"] == ""


def test_settings_of_one_that_can_not_be_read(repository):
    """It may be the one that is meant."""
    [found] = look({"path": "/nowhere"}, settings={"sales": {}})
    assert "there is no folder /nowhere" in found["fault"]


# -- what is wrong with one holds up no other


def test_faults(repository, pushed, tmp_path, cache):
    (tmp_path / "pipelines.d").mkdir()
    (tmp_path / "pipelines.d" / "broken.yml").write_text("path: x\ncolour: red\n")
    terms = [
        repository("sales"),
        {"path": str(tmp_path / "nowhere")},
        repository("other", "Not A Name"),
        pushed("misnamed") | {"name": "right"},
        pushed("branchless", branch="none"),
        repository("linked"),
    ]
    (tmp_path / "linked" / "link").symlink_to("/etc/passwd")
    good, *faulty = look(*terms, variables={"inventory_dir": str(tmp_path)})
    assert (good["name"], good["fault"]) == ("sales", "")
    said = {found["name"]: found["fault"] for found in faulty}
    assert said["nowhere"].startswith("there is no folder")
    assert "'Not A Name' can't be a pipeline's name" in said["other"]
    assert "its pipeline.yml says that it is misnamed, the list that it is right" in said["right"]
    assert said["branchless"].startswith(f"file://{tmp_path}/branchless@none: it has no branch none")
    assert "link is a link that leads out of its repository" in said["linked"]
    assert said["broken"].startswith(f"{tmp_path}/pipelines.d/broken.yml: there is no key colour")
    assert all("\n" not in fault for fault in said.values())
    assert [found["release"] for found in faulty] == [""] * 6


def test_a_file_that_can_not_be_read(repository, monkeypatch):
    good, bad = repository("sales"), repository("stock")
    read = lookup_of.release_id

    def denied(files):
        if str(next(iter(files.values()))).startswith(bad["path"]):
            raise PermissionError(13, "Permission denied", "secret")
        return read(files)

    monkeypatch.setattr(lookup_of, "release_id", denied)
    assert [found["fault"] for found in look(good, bad)] == ["", "[Errno 13] Permission denied: 'secret'"]


def test_a_path_that_leads_back_to_itself(tmp_path, cache):
    (tmp_path / "sales").symlink_to("sales")
    [found] = look({"path": str(tmp_path / "sales")})
    assert "there is no folder" in found["fault"]


def test_two_of_one_name(repository, pushed):
    terms = [repository("sales"), pushed("copy", "sales"), repository("stock")]
    first, second, good = look(*terms)
    assert first["fault"] == second["fault"]
    assert f"2 pipelines are called sales ({terms[0]['path']} and {terms[1]['git']}@main)" in first["fault"]
    assert good["fault"] == ""
    assert [found["fault"] for found in look(*terms, only="stock")] == [""]
    assert len(look(*terms, only="sales")) == 2


def test_two_of_one_name_of_which_one_is_faulty(repository):
    first, second = look(repository("sales"), repository("copy", "sales", "colour: red"))
    assert "2 pipelines are called sales" in first["fault"]
    assert "'colour' was unexpected" in second["fault"]
    assert "2 pipelines are called sales" in second["fault"]


def test_a_schema_of_another(repository):
    terms = [repository("sales"), repository("sales_eu"), repository("stock")]
    manifest = Path(terms[0]["path"]) / "pipeline.yml"
    manifest.write_text(manifest.read_text().replace("[raw]", "[raw, eu_raw]"))
    first, second, good = look(*terms)
    assert first["fault"] == second["fault"]
    assert "the pipelines sales (" in first["fault"]
    assert first["fault"].endswith(" would both have the schema sales_eu_raw: rename one, or its schema")
    assert good["fault"] == ""
    # One alone is deployed no sooner.
    assert look(*terms, only="sales_eu")[0]["fault"] == second["fault"]


@pytest.mark.parametrize("name", ["Sales_eu", "sales-eu", "Sales-EU"])
def test_names_that_differ_in_case_or_a_hyphen_alone(repository, name):
    """In paths, units and schemas both would be one."""
    good, bad = look(repository("sales_eu"), repository("other", name))
    assert good["fault"] == ""
    assert bad["fault"].endswith("such as sales_eu")


def test_a_list_that_can_not_be_read(repository):
    said = refusal(repository("sales"), {"path": "x", "brunch": "main"}, "x")
    assert said.startswith("Nothing was deployed. entry 2 of the list `pipelines`: there is no key brunch")
    assert "entry 3" in said


# -- in a play


def test_the_files_are_no_inventories(root, tmp_path):
    """Ansible reads every file below an inventory's folder."""
    (tmp_path / "pipelines.d").mkdir()
    (tmp_path / "hosts.yml").write_text("all: {hosts: {here: {}}}\n")
    (tmp_path / "pipelines.d" / "sales.yml").write_text("all: {hosts: {there: {}}, vars: {theirs: 1}}\n")
    (tmp_path / "pipelines.d" / "stock.yml").write_text("path: x\n")
    command = ["ansible-inventory", "-i", str(tmp_path), "--list"]
    environment = os.environ | {"ANSIBLE_CONFIG": str(root / "ansible.cfg")}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert list(hosts) == ["here"]
    assert "theirs" not in hosts["here"]


def test_nothing_that_is_read_is_a_template(repository, pushed, root, tmp_path):
    """A team writes it, and Jinja runs commands on the control side. What the site's own variables say still is one."""
    evil = "{{ lookup('pipe', 'touch ran') }}"
    title = MANIFEST.replace("title: Sales", f'title: "{evil}"').replace("ADDRESS: manifest", f'ADDRESS: "{evil}"')
    term = pushed("sales")
    folder = Path(repository("stock")["path"])
    (folder / "pipeline.yml").write_text(title % "stock")
    (tmp_path / "pipelines.d").mkdir()
    (tmp_path / "pipelines.d" / "bad.yml").write_text(f'path: "{evil}"\n')
    (tmp_path / "hosts").write_text("here\n")
    play = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "where": str(folder),
                "pipelines": [term, {"path": "{{ where }}"}],
                "pipeline_settings": {"stock": {"OTHER": "{{ where }}"}},
            },
            "tasks": [
                {"set_fact": {"found": "{{ query('foss_data.platform.pipelines', *pipelines, settings=pipeline_settings) }}"}},
                {
                    "copy": {"content": "{{ item | to_json }}", "dest": f"{tmp_path}/{{{{ item.name }}}}.json"},
                    "loop": "{{ found }}",
                    "loop_control": {"label": "{{ item.manifest.title | default('') }} {{ item.fault }} {{ item.source }}"},
                },
                {"debug": {"msg": "{{ found }}"}},
            ],
        }
    ]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(root / "collections"), "ANSIBLE_CONFIG": str(tmp_path / "none.cfg")}
    command = ["ansible-playbook", "-i", str(tmp_path / "hosts"), "-c", "local", str(tmp_path / "play.yml")]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sales, stock, bad = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("sales", "stock", "bad"))
    assert not list(tmp_path.rglob("ran"))
    assert stock["manifest"]["title"] == evil
    assert stock["settings"] == {"ADDRESS": evil, "OTHER": str(folder)}
    assert evil in bad["source"]
    assert sales["release"] == head(term)[:12]
