# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The record behind every restart decision."""

from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord


def test_nothing_is_known_at_first(tmp_path):
    record = StartedRecord("trino", str(tmp_path / "started"))
    assert record.read() is None
    record.forget()
    assert record.read() is None


def test_what_was_written_is_read_until_it_is_forgotten(tmp_path):
    record = StartedRecord("trino", str(tmp_path / "started"))
    record.write("abc")
    assert StartedRecord("trino", str(tmp_path / "started")).read() == "abc"
    record.write("def")
    assert record.read() == "def"
    assert [p.name for p in (tmp_path / "started").iterdir()] == ["trino"]
    record.forget()
    assert record.read() is None


def test_services_have_a_record_each(tmp_path):
    StartedRecord("trino", str(tmp_path)).write("abc")
    assert StartedRecord("minio", str(tmp_path)).read() is None
