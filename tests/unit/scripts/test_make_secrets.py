# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Credentials: generated once, encrypted before they touch the disk, never changed afterwards."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

AUTHORITY = ("secret_ca_key", "secret_ca_certificate")


@pytest.fixture
def names(root) -> list[str]:
    return yaml.safe_load((root / "group_vars/all/secrets.yml").read_text())["secrets_names"]


@pytest.fixture
def key(tmp_path, monkeypatch) -> Path:
    """Where the age key is looked for; there is none yet."""
    path = tmp_path / "keys" / "age.txt"
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(path))
    monkeypatch.delenv("SOPS_AGE_KEY", raising=False)
    return path


@pytest.fixture
def inventory(tmp_path) -> Path:
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "hosts.yml").write_text("all: {}\n")
    return folder


@pytest.fixture
def make(root, key, inventory):
    def run(folder: Path = inventory) -> subprocess.CompletedProcess:
        command = [sys.executable, str(root / "scripts" / "make_secrets.py"), str(folder)]
        return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)

    return run


def encrypted(inventory: Path) -> Path:
    return inventory / "group_vars" / "all" / "secrets.sops.yaml"


def content(inventory: Path) -> dict:
    """All that is in the file."""
    command = ["sops", "decrypt", "--output-type", "json", str(encrypted(inventory))]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def decrypted(inventory: Path) -> dict[str, str]:
    """The credentials in it."""
    return {name: value for name, value in content(inventory).items() if name.startswith("secret_")}


def test_everything_is_generated_once(make, inventory, names, key):
    first = make()
    assert first.returncode == 0, first.stderr
    assert f"{len(names)} generated, 0 kept" in first.stdout
    assert f"made the age key {key}" in first.stdout
    values = decrypted(inventory)
    assert sorted(values) == sorted(names)
    assert len(set(values.values())) == len(names)
    passwords = [value for name, value in values.items() if name not in AUTHORITY]
    assert all(len(v) == 40 and v.isalnum() for v in passwords)
    again = make()
    assert f"0 generated, {len(names)} kept" in again.stdout
    assert decrypted(inventory) == values


def test_the_authority_signs_for_hosts_and_nobody_else(make, inventory):
    make()
    key, certificate = (decrypted(inventory)[name] for name in AUTHORITY)
    known = x509.load_pem_x509_certificate(certificate.encode())
    known.verify_directly_issued_by(known)
    assert known.public_key() == serialization.load_pem_private_key(key.encode(), None).public_key()
    assert known.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert known.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert known.subject.rfc4514_string() == f"CN=FOSS Data Platform\\, {inventory.name}"


def test_half_an_authority_is_none(make, inventory, names):
    """A key whose certificate is lost signs nothing that anybody trusts."""
    make()
    before = decrypted(inventory)
    subprocess.run(["sops", "unset", str(encrypted(inventory)), '["secret_ca_certificate"]'], check=True, capture_output=True)
    assert f"2 generated, {len(names) - 2} kept" in make().stdout
    changed = {name for name, value in decrypted(inventory).items() if before[name] != value}
    assert changed == set(AUTHORITY)


def test_no_plain_text_is_on_the_disk_and_the_key_is_the_owners(make, inventory, key):
    make()
    text = encrypted(inventory).read_text()
    assert not [v for v in decrypted(inventory).values() if v in text]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_what_is_there_is_never_touched_and_what_is_missing_is_added(make, inventory, names, key):
    make()
    subprocess.run(["sops", "unset", str(encrypted(inventory)), f'["{names[0]}"]'], check=True, capture_output=True)
    subprocess.run(["sops", "set", str(encrypted(inventory)), f'["{names[1]}"]', '"a person\'s own"'], check=True)
    before = decrypted(inventory)
    done = make()
    assert f"1 generated, {len(names) - 1} kept" in done.stdout
    after = decrypted(inventory)
    assert {name: after[name] for name in before} == before
    assert len(after[names[0]]) == 40


def test_the_wrong_key_is_one_clear_line_and_the_file_stays(make, inventory, key, tmp_path, monkeypatch):
    make()
    before = encrypted(inventory).read_bytes()
    (tmp_path / "another.txt").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "another.txt"))
    failed = make()
    assert failed.returncode == 1
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "sops refused (Failed to get the data key required to decrypt the SOPS file)" in failed.stderr
    assert f"is the age key of this inventory's file in {tmp_path}/another.txt, and is the file whole?" in failed.stderr
    assert encrypted(inventory).read_bytes() == before


def test_a_missing_key_is_not_replaced_while_an_encrypted_file_needs_it(make, inventory, key):
    """A key made now could not read the file; it would only hide that the right one is lost."""
    make()
    key.unlink()
    failed = make()
    assert failed.returncode == 1
    assert failed.stderr.strip().startswith(f"there is no age key in {key} to read {encrypted(inventory)} with")
    assert not key.exists()


def test_a_key_in_the_environment_is_enough(make, inventory, names, key, monkeypatch):
    """As in CI, where no file holds it. None is made beside it."""
    monkeypatch.setenv("SOPS_AGE_KEY", f"# a comment\n{pyrage.x25519.Identity.generate()}\n")
    first = make()
    assert first.returncode == 0, first.stderr
    assert sorted(decrypted(inventory)) == sorted(names)
    subprocess.run(["sops", "unset", str(encrypted(inventory)), f'["{names[0]}"]'], check=True, capture_output=True)
    again = make()
    assert again.returncode == 0, again.stderr
    assert f"1 generated, {len(names) - 1} kept" in again.stdout
    assert not key.exists()
    monkeypatch.setenv("SOPS_AGE_KEY", str(pyrage.x25519.Identity.generate()))
    assert "is the age key of this inventory's file in SOPS_AGE_KEY, and is the file whole?" in make().stderr


def test_an_environment_without_a_key(make, inventory, monkeypatch):
    monkeypatch.setenv("SOPS_AGE_KEY", "nothing")
    assert make().stderr.strip() == "SOPS_AGE_KEY holds no age key: unset it to have one made, or put yours in"
    assert not encrypted(inventory).exists()


def test_a_key_file_without_a_key(make, key):
    key.parent.mkdir()
    key.write_text("# nothing here\n")
    failed = make()
    assert failed.stderr.strip() == f"{key} holds no age key: move it away to have one made, or put yours in"


def test_a_folder_that_is_no_inventory(make, tmp_path):
    failed = make(tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.strip() == f"{tmp_path} is not an inventory: it has no hosts.yml"
    assert not encrypted(tmp_path).exists()
