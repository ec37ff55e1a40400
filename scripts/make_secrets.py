#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Generate the credentials that an inventory does not have yet, into a SOPS file encrypted to the age keys of a team.

    scripts/make_secrets.py inventories/mysite                     what is missing
    scripts/make_secrets.py inventories/mysite --rotate NAME,NAME  new values; the old ones stay beside them (or: all)
    scripts/make_secrets.py inventories/mysite --proven            the old ones go

INVENTORY/.sops.yaml says who can decrypt it; a run without options encrypts it to whom that names now. The age key of whoever
runs this is one that SOPS uses ($SOPS_AGE_KEY, else the file $SOPS_AGE_KEY_FILE, else sops/age/keys.txt in the user's
configuration folder); it is made if there is none. Credentials that exist are touched by a rotation only, which
playbooks/rotate_secrets.yml does from beginning to end. No plain text touches the disk.
"""

import argparse
import datetime
import fcntl
import getpass
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pyrage
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parent.parent
AUTHORITY = {"secret_ca_key", "secret_ca_certificate"}  # made together: one is worth nothing without the other
AUTHORITY_DAYS = 3650
YAML = ["--input-type", "yaml", "--output-type", "yaml"]
RECIPIENT = re.compile(r"\bage1[0-9a-z]{58}\b")


def key_file() -> Path:
    """Where SOPS looks for the age key."""
    if os.environ.get("SOPS_AGE_KEY_FILE"):
        return Path(os.environ["SOPS_AGE_KEY_FILE"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sops" / "age" / "keys.txt"


def key_place() -> str:
    """The same, for a person."""
    return "SOPS_AGE_KEY" if os.environ.get("SOPS_AGE_KEY") else str(key_file())


def own_recipient() -> str:
    """The public half of the key; one is made if there is none."""
    path, given = key_file(), os.environ.get("SOPS_AGE_KEY")
    if not given and not path.exists():
        identity = pyrage.x25519.Identity.generate()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(f"# public key: {identity.to_public()}\n{identity}\n")
        print(f"made the age key {path}: keep a copy in a safe place, without it the credentials are lost")
    lines = [line for line in (given or path.read_text()).splitlines() if line.startswith("AGE-SECRET-KEY-")]
    if not lines:
        away = "unset it" if given else "move it away"
        raise SystemExit(f"{key_place()} holds no age key: {away} to have one made, or put yours in")
    return str(pyrage.x25519.Identity.from_str(lines[0]).to_public())


def sops(*arguments: str, text: str | None = None) -> str:
    """Output of ``sops``; ends the program with its own last line if it fails."""
    done = subprocess.run(["sops", *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        # After the first sentence come sums, and where it looked.
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0].split(". ")[0].rstrip(".")
        doubt = f"is the age key of this inventory's file in {key_place()}, and is the file whole?"
        raise SystemExit(f"sops refused ({reason}): {doubt}")
    return done.stdout


def authority(site: str) -> dict[str, str]:
    """The private key of a certificate authority, and its certificate, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, now = key.public_key(), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"FOSS Data Platform, {site}"[:64])])
    signs = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    certificate = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        # A host's clock may be a little behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "secret_ca_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "secret_ca_key": private.decode(),
    }


class Credentials:
    """The encrypted file of an inventory, held by one at a time."""

    def __init__(self, inventory: Path):
        if not (inventory / "hosts.yml").exists():
            raise SystemExit(f"{inventory} is not an inventory: it has no hosts.yml")
        self.inventory, self.rules = inventory, inventory / ".sops.yaml"
        self.file = inventory / "group_vars" / "all" / "secrets.sops.yaml"
        self.policy = yaml.safe_load((ROOT / "group_vars/all/secrets.yml").read_text())
        self.names = self.policy["secrets_names"]
        self._lock = os.open(inventory, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{self.file} is being changed by somebody else right now: run this again after that") from None
        if self.file.exists() and not os.environ.get("SOPS_AGE_KEY") and not key_file().exists():
            # One made now could not read the file, and would hide that the right one is lost.
            raise SystemExit(
                f"there is no age key in {key_file()} to read {self.file} with: put the one there that it was made with, or see "
                "docs/OPERATIONS.md if it is lost"
            )
        self.there = json.loads(sops("decrypt", "--output-type", "json", str(self.file))) if self.file.exists() else {}

    def generated(self, names: list[str]) -> dict[str, str]:
        """New values of these credentials, and when they were made."""
        length, alphabet = self.policy["secrets_length"], self.policy["secrets_alphabet"]
        values = {name: "".join(secrets.choice(alphabet) for _ in range(length)) for name in names}
        if not AUTHORITY.isdisjoint(names):
            values |= authority(self.inventory.resolve().name)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        made = {"secrets_made": self.there.get("secrets_made", {}) | dict.fromkeys(values, today)} if values else {}
        return values | made

    def write(self, changes: dict, gone: tuple[str, ...] = ()) -> None:
        """All of it or nothing: half a file could neither be read nor be made anew."""
        partial = self.file.with_name(f".{self.file.name}.partial")
        if self.file.exists():
            shutil.copy(self.file, partial)
            for name, value in changes.items():
                sops("set", *YAML, "--value-stdin", str(partial), f'["{name}"]', text=json.dumps(value))
            for name in gone:
                sops("unset", *YAML, "--idempotent", str(partial), f'["{name}"]')
        else:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            kind = ["--input-type", "json", "--output-type", "yaml", "--filename-override", self.file.name]
            partial.write_text(sops("--config", str(self.rules), "encrypt", *kind, text=json.dumps(changes)))
        partial.replace(self.file)

    def name_recipients(self) -> None:
        """Write down who can decrypt it, where that is not said yet."""
        if self.file.exists():
            named = list(dict.fromkeys(RECIPIENT.findall(self.file.read_text())))
        else:
            named = [own_recipient()]
            if self.rules.exists() and named[0] not in self.rules.read_text():
                raise SystemExit(
                    f"{self.rules} does not name your own key {named[0]}: add it, or you could not read what you write"
                )
        if not self.rules.exists():
            listed = "".join(f"      - {key}\n" for key in named)
            said = (
                "# Who can decrypt this inventory's credentials. After a change run make secrets, which says what else to do.\n"
            )
            self.rules.write_text(f"{said}creation_rules:\n  - age:\n{listed}")

    def encrypt_to_recipients(self) -> None:
        """Encrypt it to whom the rules name now."""
        before = set(RECIPIENT.findall(self.file.read_text()))
        if before == set(RECIPIENT.findall(self.rules.read_text())):
            return
        partial = self.file.with_name(f".{self.file.name}.partial")
        shutil.copy(self.file, partial)
        sops("--config", str(self.rules), "updatekeys", "--yes", "--input-type", "yaml", str(partial))
        after = set(RECIPIENT.findall(partial.read_text()))
        if before - after:
            # Who could read it may have kept the key that the values themselves are encrypted with.
            sops("rotate", *YAML, "--in-place", str(partial))
        partial.replace(self.file)
        for key in sorted(after - before):
            print(f"{self.file}: {key} can decrypt it now")
        for key in sorted(before - after):
            print(f"{self.file}: {key} can't decrypt it any more, but knows what was in it: rotate_secrets.yml -e secret=all")

    def complete(self) -> None:
        """Generate what is missing."""
        self.name_recipients()
        missing = [name for name in self.names if name not in self.there]
        generated = self.generated(missing)
        if generated:
            self.write(generated)
        self.encrypt_to_recipients()
        kept = [name for name in self.there if name not in generated and not name.startswith("secrets_")]
        made = len(generated.keys() - {"secrets_made"})
        print(f"{self.file}: {made} generated, {len(kept)} kept; the age key that opens it: {key_place()}")

    def rotate(self, given: str, only_say: bool) -> None:
        """New values for these, or go on with a rotation that is not finished."""
        names = [name for name in re.split(r"[,\s]+", given) if name]
        if unknown := [name for name in names if name not in [*self.names, "all"]]:
            raise SystemExit(f"there is no credential {', '.join(unknown)}: say {', '.join(self.names)}, or all")
        if absent := [name for name in self.names if name not in self.there]:
            raise SystemExit(f"{self.file} has no {', '.join(absent)} yet: run make secrets INVENTORY={self.inventory} first")
        chosen = [name for name in self.names if name in names or "all" in names or (name in AUTHORITY and AUTHORITY & {*names})]
        if unfinished := self.there.get("secrets_rotation"):
            under_way = ", ".join(unfinished["former"])
            if not set(chosen) <= set(unfinished["former"]):
                raise SystemExit(
                    f"the rotation of {under_way}, begun {unfinished['began']}, is not finished: run it again first, "
                    "without -e secret=…"
                )
            print(f"the rotation of {under_way}, begun {unfinished['began']}, is not finished: it goes on")
        elif not chosen:
            raise SystemExit(f"say what to rotate, as -e secret=NAME,NAME: {', '.join(self.names)}, or all")
        elif only_say:
            print(f"{', '.join(chosen)} would be rotated")
        else:
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            began = f"{now} by {getpass.getuser()}@{socket.gethostname()}"
            former = {name: self.there[name] for name in chosen}
            self.write(self.generated(chosen) | {"secrets_rotation": {"began": began, "former": former}})
            print(f"{self.file}: new values of {', '.join(chosen)}; the old ones stay beside them until the new ones are proven")

    def proven(self) -> None:
        """Forget the old values."""
        self.write({}, gone=("secrets_rotation",))
        print(f"{self.file}: the old values are gone")


def main() -> int:
    """0 when it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inventory", type=Path, help="folder of the inventory")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--rotate", metavar="NAMES", help="give these new values, or all; empty to go on with a rotation")
    step.add_argument("--proven", action="store_true", help="forget the values before a rotation")
    parser.add_argument("--check", action="store_true", help="say what --rotate would do, and do nothing")
    given = parser.parse_args()
    credentials = Credentials(given.inventory)
    if given.rotate is not None:
        credentials.rotate(given.rotate, given.check)
    elif given.proven:
        credentials.proven()
    else:
        credentials.complete()
    return 0


if __name__ == "__main__":
    sys.exit(main())
