# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""certificate_faults: what a browser would refuse is refused before it is installed."""

import datetime
import ipaddress

import pytest
from ansible_collections.foss_data.platform.plugins.filter.certificate_faults import FilterModule, certificate_faults
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime.now(datetime.UTC)
KEY, ANOTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
NAMES = ["example.org", "dagster.example.org", "192.0.2.1"]


def pem(key) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def certificate(*names: str, begins: int = -1, ends: int = 1) -> str:
    """One for these names, in force for some days from some days on."""
    known = [x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
    name = x509.Name([])
    made = x509.CertificateBuilder(
        name, name, KEY.public_key(), 1, NOW + begins * (day := datetime.timedelta(1)), NOW + ends * day
    )
    made = made.add_extension(x509.SubjectAlternativeName(known), critical=True) if known else made
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_filter_is_known_by_its_name():
    assert FilterModule().filters() == {"certificate_faults": certificate_faults}


@pytest.mark.parametrize("names", [NAMES, ["example.org", "*.example.org", "192.0.2.1"], [*NAMES, "EXAMPLE.com"]])
def test_a_good_one(names):
    assert certificate_faults(certificate(*names), pem(KEY), NAMES) == []


def test_none_is_no_fault():
    assert certificate_faults("", "", NAMES) == []


@pytest.mark.parametrize(
    ("given", "key", "said"),
    [
        (certificate(*NAMES), "", "go together"),
        ("", pem(KEY), "go together"),
        ("nonsense", pem(KEY), "is no certificate"),
        (certificate(*NAMES), "nonsense", "is no private key"),
        (certificate(*NAMES), pem(ANOTHER), "is not the key of"),
        (certificate(*NAMES, begins=-3, ends=-1), pem(KEY), "has expired on"),
        (certificate(*NAMES, begins=1, ends=2), pem(KEY), "begins on"),
        (certificate("example.org", "*.example.org"), pem(KEY), "is not for 192.0.2.1:"),
        (certificate("*.org", "192.0.2.1"), pem(KEY), "is not for dagster.example.org:"),
        (certificate(), pem(KEY), "is not for example.org, dagster.example.org, 192.0.2.1:"),
    ],
)
def test_what_is_wrong_is_one_line(given, key, said):
    (fault,) = certificate_faults(given, key, NAMES)
    assert said in fault
    assert "PRIVATE" not in fault
