# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The list of pipelines: what an entry may say, and that nobody's credentials are repeated."""

from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_fault import SourceError
from ansible_collections.foss_data.platform.plugins.module_utils.pipeline_list import Commit, Entry, entries, shown

ROOT = Path("/platform")
SHA = "0123456789abcdef0123456789abcdef01234567"


def listed(*terms) -> list[Entry]:
    return entries(list(terms), None, ROOT)


def refusal(term) -> str:
    with pytest.raises(SourceError) as caught:
        listed({"path": "good"}, term)
    said = str(caught.value)
    assert said.startswith("entry 2 of the list `pipelines`: ")
    assert "\n" not in said
    return said.removeprefix("entry 2 of the list `pipelines`: ")


def git(address: str, **more: str) -> dict:
    return {"git": address, **(more or {"branch": "main"})}


def test_a_folder():
    assert listed({"path": "pipelines/sales"}, {"path": "/srv/stock/"}, {"path": "../x", "name": "stock"}) == [
        Entry("sales", Path("/platform/pipelines/sales")),
        Entry("stock", Path("/srv/stock")),
        Entry("stock", Path("/x"), named=True),
    ]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://git.example.org/shop/sales.git", "sales"),
        ("https://git.example.org:8443/shop/sales/", "sales"),
        ("ssh://git@git.example.org/sales", "sales"),
        ("git@git.example.org:sales.git", "sales"),
        ("git.example.org:shop/sales.git", "sales"),
        ("git://git.example.org/sales.git", "sales"),
        ("file:///srv/git/sales.git", "sales"),
        ("/srv/git/sales.git", "sales"),
        ("https://[::1]:8443/sales.git", "sales"),
    ],
)
def test_an_address(address, name):
    assert listed(git(address)) == [Entry(name, Commit(address, "branch", "main"))]


def test_a_bare_repository_beside_the_checkout():
    assert listed(git("../git/sales.git"))[0].source == Commit("/git/sales.git", "branch", "main")


@pytest.mark.parametrize(
    "more", [{"branch": "feature/EU-1"}, {"tag": "v1.0"}, {"commit": SHA}, {"commit": SHA + "0" * 24}, {"branch": "blå"}]
)
def test_states(more):
    [(kind, ref)] = more.items()
    assert listed(git("/sales.git", **more))[0].source == Commit("/sales.git", kind, ref)


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("https://me:s3cret@h/y", "it is no mapping: give it `path`, or `git` and one of `branch`, `tag`, `commit`"),
        (["x"], "it is no mapping"),
        (None, "it is no mapping"),
        ({}, "it needs either `path`, a folder, or `git`, an address"),
        ({"name": "sales"}, "it needs either `path`"),
        ({"path": "x", "git": "y", "branch": "main"}, "it needs either `path`, a folder, or `git`, an address, not both"),
        ({"path": "x", "brunch": "main"}, "there is no key brunch: the keys are name, path, git, branch, tag, commit"),
        ({"path": "x", "branch": "main"}, "`branch` is for `git`"),
        ({"git": "/x"}, "`git` needs exactly one of `branch`, `tag` and `commit`"),
        ({"git": "/x", "branch": "a", "tag": "b"}, "exactly one of `branch`, `tag` and `commit`, not branch and tag"),
        ({"git": "/x", "branch": None}, "`branch` is empty: fill it in"),
        ({"path": ""}, "`path` is empty: fill it in"),
        ({"git": "/x", "tag": 1.0}, "`tag` is no text: put it into quotes"),
        ({"git": "/x", "commit": 12345678}, "`commit` is no text: put it into quotes"),
        ({"git": "/x", "commit": "0123abc"}, "`commit` is '0123abc': write its whole id, 40 characters"),
        ({"git": "/x", "commit": SHA.upper()}, "write its whole id"),
        ({"path": "x", "name": "Sales-EU"}, "'Sales-EU' can't be a pipeline's name"),
        ({1: "x"}, "there is no key 1"),
        ({"path": "~nosuchuser/x"}, "`path` is '~nosuchuser/x', which is no folder"),
        ({"path": "a\0b"}, "`path` is 'a\\x00b', which is no folder"),
    ],
)
def test_an_entry_that_is_none(term, said):
    assert said in refusal(term)


@pytest.mark.parametrize(
    "ref",
    [
        "-x",
        "a:refs/heads/b",
        "a b",
        "a..b",
        "*",
        "a^",
        "a~1",
        "x.lock",
        "x.lock/y",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "@{1}",
        "a\nb",
        "a\\b",
    ],
)
@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_a_ref_that_is_none(kind, ref):
    assert f"can't be the name of a {kind}" in refusal(git("/x", **{kind: ref}))


@pytest.mark.parametrize(
    "address",
    [
        "--upload-pack=touch /tmp/x",
        "-x",
        "ext::sh -c touch% /tmp/x",
        "ext::http://x/y",
        "fd::7",
        "ssh://-oProxyCommand=x/y",
        "-oProxyCommand=x:y",
        "git@-oProxyCommand=x:y",
        ":x",
        "ftp://git.example.org/x",
        "https:///x",
        "https://git.example.org:port/x",
        "https://[::1/x",
        "https://git.example.org/x\ny",
        " /x",
        "file+ext://x",
    ],
)
def test_an_address_that_is_none(address):
    assert "such as https://git.example.org/shop/sales.git or git@git.example.org:shop/sales.git" in refusal(git(address))


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://git.example.org/sales.git", "https://git.example.org/sales.git"),
        ("https://me:s3cret@git.example.org/sales.git", "https://***@git.example.org/sales.git"),
        ("https://s3cret@git.example.org/sales.git", "https://***@git.example.org/sales.git"),
        ("https://me:s3cret/x@git.example.org/sales.git", "https://***@git.example.org/sales.git"),
        ("https://git.example.org/sales.git?token=s3cret", "https://git.example.org/sales.git"),
        ("ssh://git:s3cret@git.example.org/sales.git", "ssh://git@git.example.org/sales.git"),
        ("git@git.example.org:sales.git", "git@git.example.org:sales.git"),
        ("/srv/git/sales.git", "/srv/git/sales.git"),
    ],
)
def test_credentials_are_not_shown(address, seen):
    assert shown(address) == seen
    source = Commit(address, "branch", "main")
    assert str(source) == f"{seen}@main"
    assert "s3cret" not in f"{Entry('sales', source)!r}"


def test_nor_in_a_refusal():
    for address in "ftp://me:s3cret@x/y", "https://me:s3cret/x@h/y", "https://me:s3cret@h/y\n", " https://me:s3cret@h/y":
        assert "s3cret" not in refusal(git(address))
    assert "s3cret" not in refusal({"git": "https://me:s3cret@h/y", "branch": "main", "tag": "x"})


def test_all_faults_of_the_list_at_once():
    with pytest.raises(SourceError) as caught:
        listed({"path": "x", "colour": "red"}, {"path": "y"}, "z")
    assert "entry 1 of the list `pipelines`: there is no key colour" in str(caught.value)
    assert "; entry 3 of the list `pipelines`: it is no mapping" in str(caught.value)


# -- files


@pytest.fixture
def folder(tmp_path):
    """Writes files and reads them as a folder of pipelines."""

    def read(**files: str) -> list[Entry]:
        for stem, text in files.items():
            (tmp_path / f"{stem}.yml").write_text(text)
        return entries([{"path": "first"}], tmp_path, ROOT)[1:]

    return read


def test_one_file_each(folder, tmp_path):
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".sales.yml").write_text("an editor's")
    (tmp_path / "sales.yml~").write_text("an editor's")
    assert folder(stock="path: ../stock", sales="git: /sales.git\nbranch: main\nname: sales") == [
        Entry("sales", Commit("/sales.git", "branch", "main"), named=True),
        Entry("stock", Path("/stock"), named=True),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- path: x", "is no mapping"),
        ("", "it is no mapping"),
        ("path: x\ncolour: red", "there is no key colour"),
        ("path: [", "is not YAML"),
        ("path: x\npath: y", "the key path is there twice"),
        ("path: x\nname: other", "its `name` is other: call both the same, or leave `name` out"),
    ],
)
def test_a_fault_of_a_file_is_one_of_its_pipeline(folder, tmp_path, text, said):
    bad, good = folder(sales=text, stock="path: x")
    assert (bad.name, bad.named, bad.source) == ("sales", True, tmp_path / "sales.yml")
    assert bad.fault.startswith(f"{tmp_path / 'sales.yml'}: ") or bad.fault.startswith(f"{tmp_path / 'sales.yml'} is not YAML")
    assert said in bad.fault
    assert not good.fault


def test_a_file_is_called_as_its_pipeline(folder, tmp_path):
    [bad] = folder(**{"Sales-EU": "path: x"})
    assert bad.fault.startswith(f"{tmp_path / 'Sales-EU.yml'}: a file is called as its pipeline is, and 'Sales-EU' can't be")
    assert bad.fault.endswith("such as sales_eu")


def test_nothing_in_a_file_is_a_template(folder):
    [entry] = folder(sales="path: \"{{ lookup('pipe', 'id') }}\"")
    assert entry.source == ROOT / "{{ lookup('pipe', 'id') }}"
