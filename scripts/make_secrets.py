#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Generate the credentials that an inventory does not have yet, into a SOPS file encrypted to an age key.

    scripts/make_secrets.py inventories/mysite

The age key is one that SOPS uses ($SOPS_AGE_KEY, else the file $SOPS_AGE_KEY_FILE, else sops/age/keys.txt in the user's
configuration folder); it is made if there is none. Credentials that exist are never touched. No plain text touches the disk.
"""

import argparse
import datetime
import json
import os
import secrets
import string
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
ALPHABET = string.ascii_letters + string.digits
AUTHORITY = {"secret_ca_key", "secret_ca_certificate"}  # made together: one is worth nothing without the other
AUTHORITY_DAYS = 3650


def key_file() -> Path:
    """Where SOPS looks for the age key."""
    if os.environ.get("SOPS_AGE_KEY_FILE"):
        return Path(os.environ["SOPS_AGE_KEY_FILE"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sops" / "age" / "keys.txt"


def key_place() -> str:
    """The same, for a person."""
    return "SOPS_AGE_KEY" if os.environ.get("SOPS_AGE_KEY") else str(key_file())


def recipient() -> str:
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
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0].rstrip(".")
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
        # First, so that whoever is interrupted lacks the key still.
        "secret_ca_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "secret_ca_key": private.decode(),
    }


def main() -> int:
    """0 when the inventory has every credential."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inventory", type=Path, help="folder of the inventory")
    inventory = parser.parse_args().inventory
    if not (inventory / "hosts.yml").exists():
        raise SystemExit(f"{inventory} is not an inventory: it has no hosts.yml")
    settings = yaml.safe_load((ROOT / "group_vars/all/secrets.yml").read_text())
    target = inventory / "group_vars" / "all" / "secrets.sops.yaml"
    if target.exists() and not os.environ.get("SOPS_AGE_KEY") and not key_file().exists():
        # One made now could not read the file, and would hide that the right one is lost.
        raise SystemExit(f"there is no age key in {key_file()} to read {target} with: put the one there that it was made with")
    public = recipient()
    there = json.loads(sops("decrypt", "--output-type", "json", str(target))) if target.exists() else {}
    missing = [name for name in settings["secrets_names"] if name not in there]
    generated = {n: "".join(secrets.choice(ALPHABET) for _ in range(settings["secrets_length"])) for n in missing}
    if not AUTHORITY.isdisjoint(missing):
        generated |= authority(inventory.resolve().name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        kind = ["--input-type", "json", "--output-type", "yaml", "--filename-override", target.name]
        # Whole or not at all: half a file could neither be read nor be made anew.
        partial = target.with_name(f".{target.name}.partial")
        partial.write_text(sops("encrypt", "--age", public, *kind, text=json.dumps(generated)))
        partial.replace(target)
    else:
        for name, value in generated.items():
            sops("set", "--value-stdin", str(target), f'["{name}"]', text=json.dumps(value))
    kept = len(there.keys() - generated.keys())
    print(f"{target}: {len(generated)} generated, {kept} kept; the age key that opens it: {key_place()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
