#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: credential_check
short_description: Try credentials at the services that they are for
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Logs in with each credential, and fails with one sentence if one that should open its service does not, or one that should not
    does. Nothing is changed.
  - A service that reads its credentials again while it runs is given time for it.
attributes:
  check_mode:
    description: The same, as nothing is changed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  tries:
    description: What to try.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called in the result.
        type: str
        required: true
      kind:
        description:
          - V(minio) lists buckets. V(postgresql) opens a session. V(trino) logs in with a password. V(trino_internal) asks as one
            of Trino's own nodes, by their shared secret. V(authority) checks the certificate that Trino shows.
        type: str
        choices: [minio, postgresql, trino, trino_internal, authority]
        required: true
      address:
        description: Where, as C(HOST:PORT).
        type: str
        required: true
      user:
        description: Who logs in.
        type: str
        default: ""
      database:
        description: Which of PostgreSQL's databases to open.
        type: str
        default: postgres
      region:
        description: The region that requests to MinIO are signed for.
        type: str
        default: us-east-1
      ca_path:
        description: The certificates that Trino's is checked against where it is asked over TLS.
        type: path
      secret:
        description: The password, key or shared secret; with V(authority) its certificate.
        type: str
        required: true
      opens:
        description: Whether it should.
        type: bool
        required: true
  timeout:
    description: Seconds to wait until all is as it should be.
    type: int
    default: 120
requirements:
  - psycopg2, for V(postgresql)
"""

EXAMPLES = r"""
- name: Prove that the old password is worth nothing any more
  foss_data.platform.credential_check:
    tries:
      - {name: old, kind: postgresql, address: "127.0.0.1:5432", user: dagster, secret: "{{ old }}", opens: false}
      - {name: new, kind: postgresql, address: "127.0.0.1:5432", user: dagster, secret: "{{ new }}", opens: true}
"""

RETURN = r"""
tried:
  description: What came of each, in words.
  returned: always
  type: list
  elements: str
  sample: [the former secret_minio_trino opens nothing (minio trino), the new secret_minio_trino opens it (minio trino)]
"""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently

try:
    import psycopg2

    PSYCOPG2_FAULT = None
except ImportError:
    PSYCOPG2_FAULT = traceback.format_exc()

ATTEMPT_TIMEOUT = 10  # seconds for one request
WRONG_KEY = ("SignatureDoesNotMatch", "InvalidAccessKeyId")


class UnexpectedError(Exception):
    """Not all is as it should be (yet)."""


def asked(connection: http.client.HTTPConnection, path: str, headers: dict) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode(errors="replace")
    finally:
        connection.close()


def trusting(ca_path: str | None) -> ssl.SSLContext:
    """For a service whose certificate is signed by one of these authorities."""
    return ssl.create_default_context(cafile=ca_path)


def signed(address: str, user: str, secret: str, region: str, stamp: str) -> dict[str, str]:
    """Headers of ``GET /``, signed with version 4 of Amazon's signatures."""
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": address, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names, scope = ";".join(headers), f"{stamp[:8]}/{region}/s3/aws4_request"
    request = "\n".join(["GET", "/", "", *(f"{name}:{value}" for name, value in headers.items()), "", names, empty])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return headers | {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={user}/{scope}, SignedHeaders={names}, Signature={key.hex()}",
    }


def minio(given: dict) -> bool:
    """Whether MinIO takes the signature; what the user may do then is not the question."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = signed(given["address"], given["user"], given["secret"], given["region"], stamp)
    status, text = asked(http.client.HTTPConnection(given["address"], timeout=ATTEMPT_TIMEOUT), "/", headers)
    if status not in (200, 403):
        raise OSError(f"MinIO answers with HTTP {status}")
    return not any(word in text for word in WRONG_KEY)


def postgresql(given: dict) -> bool:
    """Whether PostgreSQL takes the password."""
    host, port = given["address"].rsplit(":", 1)
    try:
        psycopg2.connect(
            host=host,
            port=port,
            user=given["user"],
            password=given["secret"],
            dbname=given["database"],
            connect_timeout=ATTEMPT_TIMEOUT,
        ).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            return False
        # That is said to whom it has let in.
        if "too many connections for role" in str(error):
            return True
        raise OSError(f"PostgreSQL answers {' '.join(str(error).split())}") from error
    return True


def trino(given: dict) -> bool:
    """Whether Trino takes the password."""
    login = base64.b64encode(f"{given['user']}:{given['secret']}".encode()).decode()
    secure = http.client.HTTPSConnection(given["address"], timeout=ATTEMPT_TIMEOUT, context=trusting(given["ca_path"]))
    return let_in(*asked(secure, "/v1/query?state=QUEUED", {"Authorization": f"Basic {login}"}))


def trino_internal(given: dict) -> bool:
    """Whether Trino takes a token that its own nodes would make of the secret (HS256, the key is a sum over it)."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256"}, {"sub": "credential_check", "exp": int(time.time()) + 300})
    )
    key = hashlib.sha256(given["secret"].encode()).digest()
    signature = base64.urlsafe_b64encode(hmac.new(key, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
    token = b".".join([head, body, signature]).decode()
    plain = http.client.HTTPConnection(given["address"], timeout=ATTEMPT_TIMEOUT)
    return let_in(*asked(plain, "/v1/task", {"X-Trino-Internal-Bearer": token}))


def let_in(status: int, _text: str) -> bool:
    """What Trino's status says of who asked."""
    if status not in (200, 401, 403):
        raise OSError(f"Trino answers with HTTP {status}")
    return status == 200


def authority(given: dict) -> bool:
    """Whether the certificate that is shown is signed by this authority."""
    host, port = given["address"].rsplit(":", 1)
    context = ssl.create_default_context(cadata=given["secret"])
    try:
        with (
            socket.create_connection((host, int(port)), timeout=ATTEMPT_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return False


KINDS = {"minio": minio, "postgresql": postgresql, "trino": trino, "trino_internal": trino_internal, "authority": authority}


def said(given: dict, opened: bool) -> str:
    """What came of one, in words."""
    what = " ".join(word for word in (given["kind"], given["user"]) if word)
    return f"{given['name']} opens {'it' if opened else 'nothing'} ({what})"


def run(tries: list[dict], timeout: int) -> None:
    """Try them until all is as it should be; raises UnexpectedError when it is not in time."""

    def once() -> None:
        opened = [KINDS[given["kind"]](given) for given in tries]
        if wrong := [said(given, is_open) for given, is_open in zip(tries, opened, strict=True) if is_open != given["opens"]]:
            raise UnexpectedError("; ".join(wrong))

    patiently(once, timeout, lambda error: isinstance(error, (OSError, UnexpectedError)))


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "tries": {
                "type": "list",
                "elements": "dict",
                "required": True,
                # What there is to keep secret in it is in `secret` alone.
                "no_log": False,
                "options": {
                    "name": {"type": "str", "required": True},
                    "kind": {"type": "str", "required": True, "choices": sorted(KINDS)},
                    "address": {"type": "str", "required": True},
                    "user": {"type": "str", "default": ""},
                    "database": {"type": "str", "default": "postgres"},
                    "region": {"type": "str", "default": "us-east-1"},
                    "ca_path": {"type": "path"},
                    "secret": {"type": "str", "required": True, "no_log": True},
                    "opens": {"type": "bool", "required": True},
                },
            },
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    tries = module.params["tries"]
    if PSYCOPG2_FAULT and any(given["kind"] == "postgresql" for given in tries):
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=PSYCOPG2_FAULT)
    try:
        run(tries, module.params["timeout"])
    except UnexpectedError as error:
        module.fail_json(msg=f"credentials are not as they should be: {error}")
    except OSError as error:
        module.fail_json(msg=f"a service can't be asked: {error}")
    module.exit_json(changed=False, tried=[said(given, given["opens"]) for given in tries])


if __name__ == "__main__":
    main()
