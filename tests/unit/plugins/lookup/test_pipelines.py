# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The lookup pipelines: every fault of every repository in one error, before any host is touched."""

import subprocess
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
settings: {ADDRESS: manifest, OTHER: kept}
"""


@pytest.fixture
def repository(tmp_path):
    """Makes a pipeline's repository."""

    def make(folder: str, name: str | None = None) -> dict:
        path = tmp_path / folder
        path.mkdir()
        (path / "pipeline.yml").write_text(MANIFEST % (name or folder))
        subprocess.run(["git", "init", "--quiet", str(path)], check=True)
        return {"path": str(path)}

    return make


def look(*terms, **options) -> list[dict]:
    """What the lookup gives."""
    return lookup_loader.get("foss_data.platform.pipelines").run(list(terms), variables={}, **options)


def test_what_is_found(repository):
    term = repository("sales")
    [found] = look(term)
    assert found["manifest"]["timezone"] == "UTC"
    assert {k: v for k, v in found.items() if k != "manifest"} == {
        "name": "sales",
        "path": term["path"],
        "release": release_id(files_of(Path(term["path"]))),
        "user": "pl-sales",
        "settings": {"ADDRESS": "manifest", "OTHER": "kept"},
    }


def test_a_path_is_relative_to_the_repository():
    [found] = look({"path": "pipelines/stavanger_parking"})
    assert found["path"] == str(lookup_of.ROOT / "pipelines" / "stavanger_parking")


def test_settings_of_the_site_win(repository):
    [found] = look(repository("sales"), settings={"sales": {"ADDRESS": "site"}, "other": {"OTHER": "lost"}})
    assert found["settings"] == {"ADDRESS": "site", "OTHER": "kept"}


def test_only_one(repository):
    terms = [repository("sales"), repository("stock")]
    assert [found["name"] for found in look(*terms)] == ["sales", "stock"]
    assert [found["name"] for found in look(*terms, only="stock")] == ["stock"]
    with pytest.raises(AnsibleLookupError, match="there is no pipeline stokc in the list `pipelines`, which has sales, stock"):
        look(*terms, only="stokc")


def test_two_of_one_name(repository):
    """Even if only another one is wanted: the list itself is wrong."""
    terms = [repository("sales"), repository("copy", "sales"), repository("stock")]
    with pytest.raises(AnsibleLookupError, match=r"Nothing was deployed\. two pipelines are called sales: rename one"):
        look(*terms, only="stock")


def test_two_of_one_schema(repository):
    terms = [repository("sales"), repository("sales_eu")]
    manifest = Path(terms[0]["path"]) / "pipeline.yml"
    manifest.write_text(manifest.read_text().replace("[raw]", "[raw, eu_raw]"))
    with pytest.raises(AnsibleLookupError, match="sales and sales_eu would both have the schema"):
        look(*terms)


def test_all_faults_at_once(repository, tmp_path):
    with pytest.raises(AnsibleLookupError) as caught:
        look(repository("sales"), {"path": str(tmp_path / "nowhere")}, repository("other", "Not A Name"))
    assert "there is no folder" in str(caught.value)
    assert "'Not A Name' does not match" in str(caught.value)


def test_no_pipelines():
    assert look() == []
