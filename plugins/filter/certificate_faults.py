# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``certificate_faults``: what is wrong with a certificate that a site gives, before anything is changed."""

from __future__ import annotations

import datetime
import ipaddress

from ansible.errors import AnsibleFilterError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    x509 = None

DOCUMENTATION = r"""
name: certificate_faults
short_description: What is wrong with a certificate and its key, in sentences
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Whether it can be read, belongs to the key, is in force, and is for the names that it is wanted for.
  - Nothing given is no fault.
options:
  _input:
    description: The certificate as PEM, and after it those that lead to its authority.
    type: str
    required: true
  key:
    description: Its private key as PEM, without a passphrase.
    type: str
    required: true
  names:
    description: Names and addresses that it has to be for.
    type: list
    elements: str
    required: true
requirements:
  - cryptography, where the play runs
"""

EXAMPLES = r"""
base_faults: "{{ gateway_given_certificate | foss_data.platform.certificate_faults(gateway_given_key, ['example.org']) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each fault; empty if there is none.
  type: list
  elements: str
"""


def covers(certificate: x509.Certificate, name: str) -> bool:
    """Whether it is for ``name``, itself or by an asterisk in the place of the first part."""
    try:
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(name) in known.get_values_for_type(x509.IPAddress)
    except ValueError:
        names = {found.lower() for found in known.get_values_for_type(x509.DNSName)}
        return name.lower() in names or f"*.{name.lower().partition('.')[2]}" in names


def certificate_faults(certificate: str, key: str, names: list[str]) -> list[str]:
    """Sentences about ``certificate`` and its ``key``."""
    if not certificate and not key:
        return []
    if not certificate or not key:
        return ["gateway_given_certificate and gateway_given_key go together: give both or none"]
    if x509 is None:
        raise AnsibleFilterError("certificate_faults: the Python library cryptography is missing where the play runs: install it")
    try:
        read = x509.load_pem_x509_certificate(str(certificate).encode())
    except ValueError:
        return ["gateway_given_certificate is no certificate: give the text of a PEM file, the site's own certificate first"]
    try:
        private = serialization.load_pem_private_key(str(key).encode(), None)
    except (ValueError, TypeError):
        return ["gateway_given_key is no private key without a passphrase: give the text of a PEM file"]
    faults, now = [], datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017 the sanity test knows older Pythons
    if private.public_key() != read.public_key():
        faults.append("gateway_given_key is not the key of gateway_given_certificate: give the one that it was made with")
    if read.not_valid_after_utc <= now:
        faults.append(f"gateway_given_certificate has expired on {read.not_valid_after_utc:%Y-%m-%d}: give a new one")
    if read.not_valid_before_utc > now:
        faults.append(f"gateway_given_certificate begins on {read.not_valid_before_utc:%Y-%m-%d}: give one that is in force")
    if missing := [name for name in names if not covers(read, name)]:
        faults.append(f"gateway_given_certificate is not for {', '.join(missing)}: give one that is")
    return faults


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"certificate_faults": certificate_faults}
