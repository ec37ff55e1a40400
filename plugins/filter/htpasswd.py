# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Filter ``htpasswd``: users and their passwords as a file of hashes, the same each time that it is made."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac

from ansible.errors import AnsibleFilterError

try:
    import bcrypt
except ImportError:
    bcrypt = None

DOCUMENTATION = r"""
name: htpasswd
short_description: Users and passwords as the text of a htpasswd file
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - By bcrypt. The salt is no random one, or each run would change the file, but is derived from a secret, the name and the
    password. So nobody else's is alike, nor is that of the same password elsewhere.
options:
  _input:
    description: The users, each with C(name) and C(password).
    type: list
    elements: dict
    required: true
  secret:
    description: What the salts are derived from.
    type: str
    required: true
requirements:
  - bcrypt, where the play runs
"""

EXAMPLES = r"""
content: "{{ gateway_users | foss_data.platform.htpasswd(gateway_secret) }}"
"""

RETURN = r"""
_value:
  description: A line for each user.
  type: str
"""

COST = 12  # a quarter of a second
STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
OF_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@functools.cache
def hashed(name: str, password: str, secret: str) -> str:
    """bcrypt's hash of ``password``."""
    if bcrypt is None:
        raise AnsibleFilterError("htpasswd: the Python library bcrypt is missing where the play runs: install it")
    # Names hold no zero byte, so what is joined by it is told apart.
    drawn = hmac.new(secret.encode(), f"htpasswd: {name}\0{password}".encode(), hashlib.sha256).digest()[:16]
    salt = base64.b64encode(drawn).rstrip(b"=").translate(bytes.maketrans(STANDARD, OF_BCRYPT))
    return bcrypt.hashpw(password.encode(), b"$2b$%d$%s" % (COST, salt)).decode()


def htpasswd(users: list[dict], secret: str) -> str:
    """A line ``NAME:HASH`` for each of ``users``."""
    return "".join(f"{user['name']}:{hashed(str(user['name']), str(user['password']), str(secret))}\n" for user in users)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """Name to function."""
        return {"htpasswd": htpasswd}
