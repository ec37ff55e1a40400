# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The MinIO modules against a real server, on the stand-in VPS that STANDIN names, and against the double of the unit tests.

Each test runs on both, so what the double assumes is what the server does. Only buckets, policies and users whose names begin
with ``contract-`` are touched.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from ansible.module_utils import _internal
from ansible_collections.foss_data.platform.plugins.modules import minio_bucket, minio_policy, minio_user
from ansible_collections.foss_data.platform.tests.unit.conftest import run_module, serving
from ansible_collections.foss_data.platform.tests.unit.plugins.minio_double import ADMIN, REGION, SECRET, Minio
from minio import Minio as S3
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import S3Error

STANDIN = os.environ.get("STANDIN")
BUCKET, POLICY, USER, KEY = "contract-bucket", "contract-policy", "contract-user", "contract-secret"
ADMIN_OF_SITE, PORT = "platform-root", 9010


def reading(prefix: str) -> dict:
    """A policy that lets its user read below a prefix."""
    objects = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{BUCKET}/{prefix}*"]}
    place = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": [f"arn:aws:s3:::{BUCKET}"]}
    return {"Version": "2012-10-17", "Statement": [objects, place]}


@dataclass(frozen=True)
class Server:
    """Where one answers, and who administers it."""

    address: str
    admin: str
    secret: str
    put: Callable[[str], object]  # an object into BUCKET

    def call(self, of, check: bool = False, **options) -> dict:
        """The result of a module."""
        login = {"admin_access_key": self.admin, "admin_secret_key": self.secret, "region": REGION, "timeout": 0}
        return run_module(of.main, check, **{"endpoint": self.address, **login, **options})

    def s3(self, user: str, secret: str) -> S3:
        """The server as somebody sees it."""
        return S3(endpoint=self.address.removeprefix("http://"), access_key=user, secret_key=secret, secure=False, region=REGION)

    def thrice(self, of, **options) -> dict:
        """Predict, do, and do again: the prediction is what was done, and it was done once."""
        predicted = self.call(of, check=True, **options)
        done = self.call(of, **options)
        assert (predicted.get("changed"), predicted.get("diff")) == (done.get("changed"), done.get("diff")), done
        again = self.call(of, **options)
        assert again.get("changed") is False, again
        return done


@pytest.fixture(params=["double", "real"])
def server(request, monkeypatch):
    """A server with nothing of these tests on it, neither before nor after."""
    # Modules believe to be on a host.
    monkeypatch.setattr(_internal, "is_controller", False)
    if request.param == "double":
        double = Minio()
        with serving(double) as address:
            yield Server(address, ADMIN, SECRET, lambda name: double.buckets[BUCKET].append(name))
        return
    if not STANDIN:
        pytest.skip("STANDIN names no stand-in VPS with a MinIO on it (make sandbox builds one)")
    credentials = request.getfixturevalue("credentials")
    endpoint, secret = f"127.0.0.1:{request.getfixturevalue('tunnel')(PORT)}", credentials["secret_minio_root"]
    s3 = S3(endpoint=endpoint, access_key=ADMIN_OF_SITE, secret_key=secret, secure=False, region=REGION)
    real = Server(f"http://{endpoint}", ADMIN_OF_SITE, secret, lambda name: s3.put_object(BUCKET, name, io.BytesIO(b"x"), 1))

    def sweep() -> None:
        if s3.bucket_exists(BUCKET):
            for found in s3.list_objects(BUCKET, recursive=True):
                s3.remove_object(BUCKET, found.object_name)
        for of, name in ((minio_bucket, {"name": BUCKET}), (minio_user, {"access_key": USER}), (minio_policy, {"name": POLICY})):
            assert "changed" in real.call(of, state="absent", **name)

    sweep()
    yield real
    sweep()


@pytest.fixture
def policy(server) -> str:
    """A policy that is there."""
    assert server.call(minio_policy, name=POLICY, policy=reading("a/"))["changed"]
    return POLICY


def user(**options) -> dict:
    return {"access_key": USER, "secret_key": KEY, "policies": [POLICY]} | options


# What S3 says to a user who is who it claims to be, and may not see a single bucket.
KNOWN = "AccessDenied"


def logged_in(server: Server, secret: str) -> str:
    """What S3 says to the user."""
    with pytest.raises(S3Error) as answer:
        server.s3(USER, secret).list_buckets()
    return answer.value.code


# -- buckets


def test_a_bucket_from_its_creation_to_its_end(server):
    s3 = server.s3(server.admin, server.secret)
    assert server.thrice(minio_bucket, name=BUCKET)["changed"]
    assert s3.bucket_exists(BUCKET)
    assert server.thrice(minio_bucket, name=BUCKET, state="absent")["diff"]["after"] == ""
    assert not s3.bucket_exists(BUCKET)


def test_a_bucket_with_objects_stays(server):
    server.call(minio_bucket, name=BUCKET)
    server.put("a/b")
    assert "holds objects and was not removed" in server.call(minio_bucket, name=BUCKET, state="absent")["msg"]
    assert server.s3(server.admin, server.secret).bucket_exists(BUCKET)


# -- policies


def test_a_policy_from_its_creation_to_its_end(server):
    assert server.thrice(minio_policy, name=POLICY, policy=reading("a/"))["changed"]
    changed = server.thrice(minio_policy, name=POLICY, policy=reading("b/"))
    assert f"{BUCKET}/a/*" in changed["diff"]["before"]
    assert f"{BUCKET}/b/*" in changed["diff"]["after"]
    turned = {**reading("b/"), "Statement": reading("b/")["Statement"][::-1]}
    assert server.call(minio_policy, name=POLICY, policy=turned)["changed"] is False
    assert server.thrice(minio_policy, name=POLICY, state="absent")["changed"]


# -- users


def test_a_user_from_its_creation_to_its_end(server, policy):
    assert server.thrice(minio_user, **user())["changed"]
    assert logged_in(server, KEY) == KNOWN
    assert server.thrice(minio_user, access_key=USER, state="absent")["changed"]
    assert logged_in(server, KEY) == "InvalidAccessKeyId"


def test_a_secret_is_changed(server, policy):
    server.call(minio_user, **user())
    changed = server.thrice(minio_user, **user(secret_key="another-secret"))
    assert '"secret": "another"' in changed["diff"]["before"]
    assert (logged_in(server, KEY), logged_in(server, "another-secret")) == ("SignatureDoesNotMatch", KNOWN)


def test_policies_are_attached_and_detached(server, policy):
    server.call(minio_user, **user(policies=[]))
    assert f'"{POLICY}"' in server.thrice(minio_user, **user())["diff"]["after"]
    assert f'"{POLICY}"' in server.thrice(minio_user, **user(policies=[]))["diff"]["before"]


def test_a_user_that_is_switched_off_is_switched_on(server, policy):
    server.call(minio_user, **user())
    switched_off(server)
    assert logged_in(server, KEY) == "InvalidAccessKeyId"
    assert '"enabled": false' in server.thrice(minio_user, **user())["diff"]["before"]
    assert logged_in(server, KEY) == KNOWN


def switched_off(server: Server) -> None:
    """Disable the user, as an administrator would."""
    provider = StaticProvider(server.admin, server.secret)
    endpoint = server.address.removeprefix("http://")
    MinioAdmin(endpoint=endpoint, credentials=provider, secure=False, region=REGION).user_disable(USER)


# -- refusals

CALLS = [(minio_bucket, {"name": BUCKET}), (minio_policy, {"name": POLICY, "policy": reading("a/")}), (minio_user, user())]


def codes(text: str) -> list[str]:
    """Error codes in a message."""
    return re.findall(r"\b(?:XMinio\w+|SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied|NoSuch\w+)\b", text)


@pytest.mark.parametrize(("of", "options"), CALLS, ids=["bucket", "policy", "user"])
def test_a_wrong_admin_secret(server, of, options):
    failed = server.call(of, admin_secret_key="wrong-secret", **options)
    assert failed["failed"]
    assert f"{server.address} refused" in failed["msg"]


def test_a_policy_that_is_not_there(server):
    failed = server.call(minio_user, **user())
    assert codes(failed["msg"]) == ["XMinioAdminNoSuchPolicy"], failed["msg"]
