# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The workspace file: nobody's lines but the entry's own are touched."""

import threading

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.module_utils.dagster_workspace import edit, find, locked, parse

FILE = """\
# kept by hand
load_from:
  # the first
  - grpc_server:
      socket: /run/a.sock  # short
      location_name: a

  # the second
  - python_module: {module_name: b, location_name: b}
# the end
"""


def entry(name: str) -> dict:
    """An entry as the module makes it."""
    return {"grpc_server": {"socket": f"/run/{name}.sock", "location_name": name}}


def test_added_after_the_others():
    text = edit(FILE, "c", entry("c"))
    assert parse(text) == [*parse(FILE), entry("c")]
    assert [line for line in FILE.splitlines() if line not in text.splitlines()] == []


def test_first_of_an_empty_list():
    assert parse(edit("load_from: []\n", "a", entry("a"))) == [entry("a")]


def test_replaced_in_its_place():
    text = edit(FILE, "b", entry("b"))
    assert parse(text) == [parse(FILE)[0], entry("b")]
    assert "# the second" in text
    assert text.endswith("# the end\n")


def test_removed_with_nothing_else():
    text = edit(FILE, "a", None)
    assert parse(text) == [parse(FILE)[1]]
    assert "# the second" in text
    assert "# kept by hand" in text


def test_the_last_one_leaves_an_empty_list():
    assert parse(edit(edit(FILE, "a", None), "b", None)) == []


@pytest.mark.parametrize(("name", "wanted"), [("nobody", None), ("a", find(parse(FILE), "a"))])
def test_nothing_to_do_leaves_the_text(name, wanted):
    assert edit(FILE, name, wanted) == FILE


def test_a_file_without_a_last_newline():
    assert parse(edit(FILE.rstrip().removesuffix("# the end").rstrip(), "c", entry("c")))[-1] == entry("c")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("load_from: [", "x is not YAML"),
        ("", "has no list `load_from`"),
        ("load_from: {}", "has no list"),
        ("- a", "has no list"),
    ],
)
def test_no_workspace(text, told):
    with pytest.raises(ValueError, match=told):
        parse(text, "x")


def test_two_writers_both_land(tmp_path):
    path = tmp_path / "workspace.yaml"
    path.write_text("load_from: []\n")

    def write(name: str) -> None:
        with locked(str(path)) as text:
            path.write_text(edit(text, name, entry(name)))

    threads = [threading.Thread(target=write, args=(f"n{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {e["grpc_server"]["location_name"] for e in yaml.safe_load(path.read_text())["load_from"]}
    assert names == {f"n{i}" for i in range(20)}
