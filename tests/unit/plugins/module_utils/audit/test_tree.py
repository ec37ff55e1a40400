# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The audit's walk over files: what others reach, and nothing else."""

import os
import subprocess
import sys

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.audit import tree

SECRET = "s3cret" * 7
SECRETS = {"secret_minio_root": SECRET, "secret_ca_key": f"-----BEGIN PRIVATE KEY-----\n{'a' * 64}\n-----END PRIVATE KEY-----\n"}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A folder that the walk takes for the whole host."""
    (tmp_path / "etc").mkdir()
    tmp_path.chmod(0o755)
    for name in ("ROOTS", "READ", "ROOTS_OWN"):
        monkeypatch.setattr(tree, name, (str(tmp_path),))
    monkeypatch.setattr(tree, "SENSITIVE", (f"{tmp_path}/etc/*.env",))

    def put(path: str, text: str = "", mode: int = 0o644):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    return put


def looked(secrets=None):
    found = tree.look(tree.needles(secrets or {}))
    return {
        kind: [entry.get("path") or entry["where"] for entry in entries]
        for kind, entries in found.items()
        if isinstance(entries, list)
    }


def test_what_everybody_may_write(host, tmp_path):
    written = host("etc/open", mode=0o666)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    (tmp_path / "link").symlink_to(written)
    assert sorted(looked()["writable"]) == [str(written), f"{tmp_path}/shared"]


def test_what_others_can_not_come_to_is_passed_over(host, tmp_path):
    host("private/open", mode=0o666)
    (tmp_path / "private").chmod(0o700)
    assert looked()["writable"] == []


def test_names_of_files_with_credentials(host):
    readable = host("etc/minio.env")
    host("etc/trino.env", mode=0o640)
    host("etc/minio.env.pub")
    assert looked()["sensitive"] == [str(readable)]


def test_programs_that_give_rights_away(host):
    program = host("bin", mode=0o4755)
    host("data", mode=0o4644)
    found = tree.look({})["raising"]
    assert [(entry["path"], entry["kind"], entry["mode"]) for entry in found] == [(str(program), "setuid", "4755")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_somebody_elses_or_a_groups(host, tmp_path):
    owned, shared, staff = host("etc/owned"), host("etc/shared", mode=0o664), host("etc/staff", mode=0o664)
    host("etc/fine", mode=0o664)
    os.chown(owned, 1, 0)
    os.chown(shared, 0, 2)
    os.chown(staff, 0, tree.STAFF)
    assert sorted(looked()["foreign"]) == [str(owned), str(shared)]


def test_credentials_where_everybody_reads(host):
    noted = host("home/notes", f"the password is {SECRET}, don't tell\n")
    key = host("home/key", SECRETS["secret_ca_key"])
    host("home/own", SECRET, mode=0o600)
    host("home/other", "-----BEGIN PRIVATE KEY-----\n")
    found = tree.look(tree.needles(SECRETS))
    assert sorted((held["secret"], held["where"]) for held in found["holding"]) == [
        ("secret_ca_key", str(key)),
        ("secret_minio_root", str(noted)),
    ]
    assert SECRET not in str(found)


def test_what_is_no_text_or_large_is_not_read(host, monkeypatch):
    monkeypatch.setattr(tree, "LARGEST", 50)
    host("home/large", SECRET + "x" * 50)
    host("home/program.so", SECRET)
    assert tree.look(tree.needles(SECRETS))["holding"] == []


def test_a_short_credential_could_stand_anywhere():
    assert tree.needles({"short": "changeme", "long": "x" * 16}) == {b"x" * 16: "long"}


def test_a_name_that_is_no_text_is_shown(host, tmp_path):
    path = os.fsencode(tmp_path) + b"/etc/\xff"
    os.close(os.open(path, os.O_CREAT))
    os.chmod(path, 0o666)
    [entry] = tree.look({})["writable"]
    entry["path"].encode()


def test_credentials_among_the_arguments_of_a_process():
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(); sys.stdout.flush(); sys.stdin.read()", SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdout.readline()
        found = tree.in_processes(tree.needles(SECRETS))
    finally:
        process.communicate()
    assert [(held["secret"], str(process.pid) in held["where"]) for held in found] == [("secret_minio_root", True)]


def test_credentials_in_the_journal(tmp_path, monkeypatch):
    (tmp_path / "log").write_text(f"fine\npassword={SECRET}\npassword={SECRET}\n")
    monkeypatch.setattr(tree, "JOURNAL", ["cat", str(tmp_path / "log")])
    assert tree.in_journal(tree.needles(SECRETS)) == [{"secret": "secret_minio_root", "where": "the journal of the last day"}]
    assert tree.in_journal({}) == []
