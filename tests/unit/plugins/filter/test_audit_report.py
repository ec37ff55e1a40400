# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""audit_report: where advisories come from."""

import json
import zipfile

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foss_data.platform.plugins.filter.audit_report import FilterModule, advisories, audit_report

ONE, TWO = {"id": "OSV-1", "affected": []}, {"id": "OSV-2", "affected": []}


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"audit_report": audit_report}


def test_a_file_a_list_a_folder_and_an_archive(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps(ONE))
    (tmp_path / "two.json").write_text(json.dumps(TWO))
    (tmp_path / "readme.txt").write_text("none")
    (tmp_path / "list").write_text(json.dumps([ONE, TWO]))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "one.json", "one.json")
        archive.write(tmp_path / "two.json", "two.json")
    assert advisories(str(tmp_path / "one.json")) == [ONE]
    assert advisories(str(tmp_path / "list")) == advisories(str(tmp_path)) == advisories(str(tmp_path / "all.zip")) == [ONE, TWO]


@pytest.mark.parametrize("text", ["", "no JSON", '{"name": "something else"}', "[1]"])
def test_what_holds_no_advisories_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "file").write_text(text)
    with pytest.raises(AnsibleFilterError, match="audit_advisories") as refused:
        advisories(str(tmp_path / "file"))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(AnsibleFilterError, match="No such file"):
        advisories(str(tmp_path / "none"))
