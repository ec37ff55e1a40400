# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What a server that speaks TLS is found to speak, and who is believed."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.audit.handshake import look
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def signed(name: str, key, signer_name: str, signer_key, ends: datetime.datetime, authority: bool = False) -> x509.Certificate:
    """A certificate."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, signer_name)]
    return (
        x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number(), ends - 400 * DAY, ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False)
        .sign(signer_key, hashes.SHA256())
    )


def pem(thing) -> str:
    """As text."""
    return thing.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An authority, and files with a key and a certificate that it signed, for a name until a day."""
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    authority = pem(signed("authority", own, "authority", own, now + 300 * DAY, authority=True))
    folder = tmp_path_factory.mktemp("certificates")

    def file(name: str = "localhost", days: float = 100) -> str:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        path = folder / f"{name}-{days}.pem"
        path.write_text(private + pem(signed(name, key, "authority", own, now + days * DAY)))
        return str(path)

    return authority, file


@contextlib.contextmanager
def server(certificate: str, **settings) -> Iterator[int]:
    """The port of a server that greets whoever speaks its TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers(settings.get("ciphers", "ECDHE+AESGCM"))
    context.minimum_version = settings.get("least", ssl.TLSVersion.TLSv1_2)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    plain, _address = listening.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_a_server_as_it_should_be(made):
    authority, file = made
    with server(file()) as port:
        seen = look("127.0.0.1", port, "localhost", authority)
    assert seen["reached"]
    assert seen["versions"] == ["TLS 1.2", "TLS 1.3"]
    assert (seen["broken"], seen["chained"], seen["untrusted"], seen["names"]) == ("", "", "", ["localhost"])
    assert 99 * 86400 < seen["ends"] - datetime.datetime.now().timestamp() <= 100 * 86400


def test_the_name_is_the_one_that_was_asked_for(made):
    authority, file = made
    with server(file(name="vps.example.org")) as port:
        assert look("127.0.0.1", port, "vps.example.org", authority)["names"] == ["vps.example.org"]


@pytest.mark.parametrize(
    ("settings", "key", "found"),
    [
        ({"least": ssl.TLSVersion.TLSv1, "ciphers": "ALL:@SECLEVEL=0"}, "versions", ["TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"]),
        ({"ciphers": "AES128-SHA:ECDHE+AESGCM"}, "broken", "AES128-SHA"),
        ({"ciphers": "ECDHE-RSA-AES128-SHA:ECDHE+AESGCM"}, "chained", "ECDHE-RSA-AES128-SHA"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_speaks_what_it_should_not(made, settings, key, found):
    authority, file = made
    with server(file(), **settings) as port:
        assert look("127.0.0.1", port, "localhost", authority)[key] == found


@pytest.mark.parametrize(
    ("certificate", "trusted", "why"),
    [
        ({"days": -1}, True, "expired"),
        ({"name": "another"}, True, "mismatch"),
        ({}, False, "local issuer"),
    ],
)
def test_a_certificate_that_is_not_good(made, certificate, trusted, why):
    authority, file = made
    with server(file(**certificate)) as port:
        seen = look("127.0.0.1", port, "localhost", authority if trusted else "")
    assert why in seen["untrusted"]
    assert seen["ends"] is None


def test_where_nobody_listens(closed_port):
    assert look("127.0.0.1", closed_port, "localhost") == {"reached": False}


def test_who_speaks_no_tls(web):
    seen = look("127.0.0.1", int(web.address.rsplit(":", 1)[1]), "localhost")
    assert (seen["reached"], seen["versions"]) == (True, [])
