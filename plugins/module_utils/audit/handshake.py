# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a server speaks when TLS is spoken to it: versions, ciphers, its certificate. Asked from the host and from outside."""

from __future__ import annotations

import socket
import ssl
import warnings

VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
# What the library itself would not offer any more; a server that takes it has to be found out.
OLD = "@SECLEVEL=0"
# Without authentication, encryption or forward secrecy, or broken.
BROKEN = "aNULL:eNULL:kRSA:RC4:3DES:MD5"
PATIENCE = 10  # seconds until a server counts as one that does not answer


def trusting(authority: str) -> ssl.SSLContext:
    """How a client checks who it speaks to: it trusts ``authority`` (PEM, or nothing) beside those that the system trusts."""
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    return context


def look(address: str, port: int, name: str, authority: str = "") -> dict:
    """What ``address:port`` speaks to a client that asks for ``name`` and trusts ``authority``, too."""
    if not _answers(address, port):
        return {"reached": False}
    return {
        "reached": True,
        "versions": [label for label, version in VERSIONS.items() if _takes(address, port, name, version, "ALL")],
        "broken": _takes(address, port, name, ssl.TLSVersion.TLSv1_2, BROKEN),
        "chained": _takes(address, port, name, ssl.TLSVersion.TLSv1_2, _block_chained()),
        **_certificate(address, port, name, authority),
    }


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _spoken(context: ssl.SSLContext, address: str, port: int, name: str) -> ssl.SSLSocket:
    plain = socket.create_connection((address, port), PATIENCE)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except Exception:
        plain.close()
        raise


def _takes(address: str, port: int, name: str, version: ssl.TLSVersion, ciphers: str) -> str:
    """The cipher that the server chooses of these, in this version; empty if it refuses all. Whose it is counts elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            # Old versions are what is asked for.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
            context.set_ciphers(f"{ciphers}:{OLD}")
        with _spoken(context, address, port, name) as secure:
            return secure.cipher()[0]
    except (OSError, ValueError):
        return ""


def _block_chained() -> str:
    """Ciphers with forward secrecy that chain blocks, of those that this library has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(f"ALL:!aNULL:!eNULL:!kRSA:{OLD}")
    return ":".join(cipher["name"] for cipher in context.get_ciphers() if not cipher["aead"])


def _certificate(address: str, port: int, name: str, authority: str) -> dict:
    """Why the certificate is not trusted (empty if it is), its names, and when it ends (seconds since 1970)."""
    context = trusting(authority)
    try:
        with _spoken(context, address, port, name) as secure:
            found = secure.getpeercert()
    except ssl.SSLCertVerificationError as error:
        return {"untrusted": error.verify_message, "names": [], "ends": None}
    except OSError as error:
        return {"untrusted": f"no connection: {error}", "names": [], "ends": None}
    names = [value for _kind, value in found.get("subjectAltName", ())]
    return {"untrusted": "", "names": names, "ends": ssl.cert_time_to_seconds(found["notAfter"])}
