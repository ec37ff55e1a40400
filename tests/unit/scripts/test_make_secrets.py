# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Credentials: generated once, encrypted before they touch the disk, never changed afterwards."""

import fcntl
import json
import os
import shutil
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
    def run(*options: str, folder: Path = inventory) -> subprocess.CompletedProcess:
        command = [sys.executable, str(root / "scripts" / "make_secrets.py"), str(folder), *options]
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
    failed = make(folder=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.strip() == f"{tmp_path} is not an inventory: it has no hosts.yml"
    assert not encrypted(tmp_path).exists()


# -- rotation


@pytest.fixture
def watched_sops(tmp_path, monkeypatch):
    """What `sops` is called with, line by line; it fails at the call that a file there names by its number."""
    real, folder = shutil.which("sops"), tmp_path / "watched"
    folder.mkdir()
    (folder / "sops").write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {folder}/calls\n'
        f"[ $(wc -l < {folder}/calls) != $(cat {folder}/fails 2> /dev/null || echo never) ] || exit 1\n"
        f'exec {real} "$@"\n'
    )
    (folder / "sops").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_new_values_and_the_old_ones_beside_them(make, inventory):
    make()
    before = decrypted(inventory)
    done = make("--rotate", "secret_minio_trino,secret_trino_admin")
    assert done.returncode == 0, done.stderr
    assert "new values of secret_minio_trino, secret_trino_admin;" in done.stdout
    after, rotation = decrypted(inventory), content(inventory)["secrets_rotation"]
    changed = {name: value for name, value in before.items() if after[name] != value}
    assert sorted(changed) == ["secret_minio_trino", "secret_trino_admin"]
    assert rotation["former"] == changed
    assert not [value for value in (*before.values(), *after.values()) if value in encrypted(inventory).read_text()]
    done = make("--proven")
    assert done.returncode == 0, done.stderr
    assert decrypted(inventory) == after
    assert "secrets_rotation" not in content(inventory)


def test_all_of_them_and_the_authority_is_two(make, inventory, names):
    make()
    before = decrypted(inventory)
    make("--rotate", "all")
    assert content(inventory)["secrets_rotation"]["former"] == before
    assert not [name for name, value in decrypted(inventory).items() if before[name] == value]
    make("--proven")
    make("--rotate", "secret_ca_key")
    assert sorted(content(inventory)["secrets_rotation"]["former"]) == sorted(AUTHORITY)


def test_when_each_was_made(make, inventory, names):
    make()
    made = content(inventory)["secrets_made"]
    assert sorted(made) == sorted(names)
    old = json.dumps(dict.fromkeys(names, "2020-01-01"))
    subprocess.run(["sops", "set", str(encrypted(inventory)), '["secrets_made"]', old], check=True)
    make("--rotate", "secret_minio_root")
    now = content(inventory)["secrets_made"]
    assert {name for name in names if now[name] != "2020-01-01"} == {"secret_minio_root"}
    assert now["secret_minio_root"] == max(made.values())


def test_one_that_is_not_finished_goes_on_and_no_other_begins(make, inventory):
    make()
    make("--rotate", "secret_minio_trino,secret_trino_admin")
    before = encrypted(inventory).read_bytes()
    for given in ("", "secret_trino_admin"):
        done = make("--rotate", given)
        assert (done.returncode, "is not finished: it goes on" in done.stdout) == (0, True), done.stderr
    refused = make("--rotate", "secret_minio_root")
    assert refused.returncode == 1
    assert refused.stderr.startswith("the rotation of secret_minio_trino, secret_trino_admin, begun 2")
    assert refused.stderr.strip().endswith("is not finished: run it again first, without -e secret=…")
    assert encrypted(inventory).read_bytes() == before


def test_what_would_be_rotated(make, inventory):
    make()
    before = encrypted(inventory).read_bytes()
    assert make("--rotate", "secret_minio_root", "--check").stdout == "secret_minio_root would be rotated\n"
    assert encrypted(inventory).read_bytes() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [("secret_mino_root", "there is no credential secret_mino_root: say secret_minio_root, "), ("", "say what to")],
)
def test_what_is_no_credential(make, inventory, given, said):
    make()
    before = encrypted(inventory).read_bytes()
    refused = make("--rotate", given)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert refused.stderr.startswith(said)
    assert refused.stderr.strip().endswith("secret_ca_certificate, or all")
    assert encrypted(inventory).read_bytes() == before


def test_interrupted_anywhere_the_file_is_as_before(make, inventory, watched_sops):
    """Whole, so that nothing is lost, whatever was written by then."""
    make()
    before = encrypted(inventory).read_bytes()
    calls = len((watched_sops / "calls").read_text().splitlines())
    for fails in (2, 3, 4):
        (watched_sops / "fails").write_text(str(calls + fails))
        assert make("--rotate", "secret_minio_root").returncode == 1
        assert encrypted(inventory).read_bytes() == before
        calls = len((watched_sops / "calls").read_text().splitlines())
    (watched_sops / "fails").unlink()
    assert make("--rotate", "secret_minio_root").returncode == 0


def test_no_value_is_an_argument(make, inventory, watched_sops):
    """Which everybody on the machine could read."""
    make()
    values = [*decrypted(inventory).values()]
    subprocess.run(["sops", "unset", str(encrypted(inventory)), '["secret_minio_root"]'], check=True)
    make()
    make("--rotate", "all")
    calls = (watched_sops / "calls").read_text()
    assert "set --input-type yaml" in calls
    assert not [value for value in (*values, *decrypted(inventory).values()) if value.splitlines()[-2:][0] in calls]


# -- who can read it


def public(key: Path) -> str:
    return str(pyrage.x25519.Identity.from_str(key.read_text().splitlines()[-1]).to_public())


def test_a_member_comes_and_goes(make, inventory, key, tmp_path, monkeypatch):
    make()
    rules, own = inventory / ".sops.yaml", public(key)
    assert own in rules.read_text()
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    alone = rules.read_text()
    rules.write_text(f"{alone}      - {public(other)}\n")
    done = make()
    assert f"{public(other)} can decrypt it now" in done.stdout, done.stderr
    before = decrypted(inventory)
    with monkeypatch.context() as as_other:
        as_other.setenv("SOPS_AGE_KEY_FILE", str(other))
        assert decrypted(inventory) == before
    rules.write_text(alone)
    values = encrypted(inventory).read_text().splitlines()
    done = make()
    assert f"{public(other)} can't decrypt it any more, but knows what was in it" in done.stdout, done.stderr
    assert decrypted(inventory) == before
    # Also not with the key that the values themselves were encrypted with, of which it may have a copy.
    assert not [line for line in encrypted(inventory).read_text().splitlines() if "ENC[" in line and line in values]
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(other))
    assert make().returncode == 1


def test_an_inventory_of_before_names_its_members(make, inventory):
    make()
    before = (inventory / ".sops.yaml").read_text()
    (inventory / ".sops.yaml").unlink()
    kept = encrypted(inventory).read_bytes()
    assert make().returncode == 0
    assert (inventory / ".sops.yaml").read_text() == before
    assert encrypted(inventory).read_bytes() == kept


def test_rules_that_leave_oneself_out(make, inventory):
    (inventory / ".sops.yaml").write_text(f"creation_rules:\n  - age: {pyrage.x25519.Identity.generate().to_public()}\n")
    refused = make()
    assert f"{inventory}/.sops.yaml does not name your own key age1" in refused.stderr
    assert not encrypted(inventory).exists()


# -- files that are not whole, and two at a time


def edited(text: str) -> str:
    """One value in the place of another, as a hand would."""
    lines = text.splitlines()
    return "\n".join([lines[0], lines[1].split(": ", 1)[0] + ": " + lines[0].split(": ", 1)[1], *lines[2:]]) + "\n"


@pytest.mark.parametrize(
    "change",
    [
        edited,
        lambda text: "\n".join(line for line in text.splitlines() if not line.startswith("secret_minio_root")),
        lambda text: "secret_minio_root: in the clear\n",
        lambda text: text[:400],
        lambda text: "",
        lambda text: f"<<<<<<< mine\n{text}=======\n{text}>>>>>>> yours\n",
    ],
    ids=["edited", "a line less", "plain", "half", "empty", "a conflict"],
)
@pytest.mark.parametrize("options", [[], ["--rotate", "all"]], ids=["make", "rotate"])
def test_a_file_that_something_else_has_changed(make, inventory, change, options):
    make()
    changed = change(encrypted(inventory).read_text())
    encrypted(inventory).write_text(changed)
    refused = make(*options)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
    assert refused.stderr.startswith("sops refused (")
    assert "is the file whole?" in refused.stderr
    assert encrypted(inventory).read_text() == changed


@pytest.mark.parametrize("options", [[], ["--rotate", "all"], ["--proven"]], ids=["make", "rotate", "proven"])
def test_two_at_a_time(make, inventory, options):
    make()
    before, other = encrypted(inventory).read_bytes(), os.open(inventory, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    refused = make(*options)
    os.close(other)
    said = f"{encrypted(inventory)} is being changed by somebody else right now: run this again after that"
    assert (refused.returncode, refused.stderr.strip()) == (1, said)
    assert encrypted(inventory).read_bytes() == before
    assert make().returncode == 0
