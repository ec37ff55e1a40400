# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""minio_bucket, minio_policy and minio_user, over the real library, against a server in this process."""

import time

import pytest
from ansible_collections.foss_data.platform.plugins.module_utils.minio import canonical
from ansible_collections.foss_data.platform.plugins.modules import minio_bucket, minio_policy, minio_prefix, minio_user
from ansible_collections.foss_data.platform.tests.unit.conftest import serving
from ansible_collections.foss_data.platform.tests.unit.plugins.minio_double import ADMIN, REGION, SECRET, Minio

READ = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::a"]}
    ],
}


@pytest.fixture
def minio():
    server = Minio()
    with serving(server) as address:
        server.address = address
        yield server


@pytest.fixture
def call(module, minio):
    """Runs one of the modules as the administrator; ``check=True`` for check mode."""

    def run(of, **options):
        login = {"endpoint": minio.address, "admin_access_key": ADMIN, "admin_secret_key": SECRET, "region": REGION, "timeout": 0}
        return module(of.main, **login | options)

    return run


def thrice(call, minio, of, **options) -> dict:
    """Predict, do, and do again: the prediction is what was done, it was done once, and only once."""
    before = list(minio.log)
    predicted = call(of, check=True, **options)
    assert minio.log == before, "check mode changed something"
    done = call(of, **options)
    assert (predicted["changed"], predicted["diff"]) == (done["changed"], done["diff"])
    after = list(minio.log)
    again = call(of, **options)
    assert not again["changed"]
    assert minio.log == after
    return done


# -- buckets


def test_a_bucket_is_made_and_removed(call, minio):
    assert thrice(call, minio, minio_bucket, name="lakehouse")["changed"]
    assert minio.buckets == {"lakehouse": []}
    done = thrice(call, minio, minio_bucket, name="lakehouse", state="absent")
    assert done["changed"]
    assert done["diff"] == {"before": '{\n  "name": "lakehouse"\n}\n', "after": ""}
    assert minio.buckets == {}


def test_a_bucket_with_objects_is_never_removed(call, minio):
    minio.buckets["lakehouse"] = ["a/table"]
    failed = call(minio_bucket, name="lakehouse", state="absent")
    assert failed["msg"] == "bucket lakehouse holds objects and was not removed: remove them first"
    assert minio.buckets == {"lakehouse": ["a/table"]}


@pytest.mark.parametrize("name", ["a", "Upper", "under_score", "../x"])
def test_a_name_that_no_bucket_can_have(call, minio, name):
    assert "can't do that: invalid bucket name" in call(minio_bucket, name=name)["msg"]
    assert minio.log == []


# -- policies


def test_a_policy_is_made_changed_and_removed(call, minio):
    assert thrice(call, minio, minio_policy, name="reader", policy=READ)["changed"]
    assert minio.policies == {"reader": READ}
    other = {**READ, "Statement": [{**READ["Statement"][0], "Action": ["s3:GetObject"]}]}
    done = thrice(call, minio, minio_policy, name="reader", policy=other)
    assert done["changed"]
    assert "s3:ListBucket" in done["diff"]["before"]
    assert "s3:ListBucket" not in done["diff"]["after"]
    assert minio.policies == {"reader": other}
    assert thrice(call, minio, minio_policy, name="reader", state="absent")["changed"]
    assert minio.policies == {}


def test_an_order_is_no_difference(call, minio):
    statement = READ["Statement"][0]
    turned = {"Action": statement["Action"][::-1], "Resource": statement["Resource"][::-1], "Effect": "Allow", "Sid": ""}
    minio.policies["reader"] = {"Statement": [turned], "Version": "2012-10-17", "ID": ""}
    assert not call(minio_policy, name="reader", policy=READ)["changed"]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"Action": "s3:Get"}, {"Action": ["s3:Get"]}, True),
        ({"Action": ["a", "b"]}, {"Action": ["b", "a"]}, True),
        ({"Action": ["a"]}, {"Action": ["a", "b"]}, False),
        ({"Sid": ""}, {}, True),
        ({"Sid": "x"}, {}, False),
        ({"Effect": "Allow"}, {"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"a": ["1", "2"]}}}, {"Condition": {"StringEquals": {"a": ["2", "1"]}}}, True),
        ([{"Effect": "Allow"}, {"Effect": "Deny"}], [{"Effect": "Deny"}, {"Effect": "Allow"}], True),
    ],
)
def test_policies_are_compared_by_meaning(one, other, equal):
    assert (canonical(one) == canonical(other)) is equal


def test_a_policy_needs_its_document(call):
    assert "policy" in call(minio_policy, name="reader")["msg"]


# -- users


@pytest.fixture
def policies(minio):
    minio.policies = {"read": READ, "write": READ}


def user(**options) -> dict:
    return {"access_key": "trino", "secret_key": "trino-secret", "policies": ["read"]} | options


def test_a_user_is_made_and_removed(call, minio, policies):
    assert thrice(call, minio, minio_user, **user())["changed"]
    assert minio.users == {"trino": {"secret": "trino-secret", "status": "enabled", "policies": ["read"]}}
    assert thrice(call, minio, minio_user, access_key="trino", state="absent")["changed"]
    assert minio.users == {}


def test_a_secret_that_is_another_is_changed(call, minio, policies):
    minio.users["trino"] = {"secret": "old-secret", "status": "enabled", "policies": ["read"]}
    done = thrice(call, minio, minio_user, **user())
    assert done["changed"]
    assert minio.users["trino"]["secret"] == "trino-secret"
    assert '"secret": "another"' in done["diff"]["before"]
    assert '"secret": "as given"' in done["diff"]["after"]


def test_no_secret_is_ever_shown(call, minio, policies):
    done = call(minio_user, **user())
    for secret in ("trino-secret", SECRET):
        assert secret not in str({k: v for k, v in done.items() if k != "invocation"})
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in str(done["invocation"])
    assert "trino-secret" not in str(done["invocation"])


def test_policies_are_exactly_those_given(call, minio, policies):
    minio.users["trino"] = {"secret": "trino-secret", "status": "enabled", "policies": ["read"]}
    assert thrice(call, minio, minio_user, **user(policies=["write"]))["changed"]
    assert minio.users["trino"]["policies"] == ["write"]
    assert thrice(call, minio, minio_user, **user(policies=["write", "read"]))["changed"]
    assert sorted(minio.users["trino"]["policies"]) == ["read", "write"]
    assert thrice(call, minio, minio_user, **user(policies=[]))["changed"]
    assert minio.users["trino"]["policies"] == []


def test_a_user_that_is_switched_off_is_switched_on(call, minio, policies):
    minio.users["trino"] = {"secret": "trino-secret", "status": "disabled", "policies": ["read"]}
    assert thrice(call, minio, minio_user, **user())["changed"]
    assert minio.users["trino"] == {"secret": "trino-secret", "status": "enabled", "policies": ["read"]}


def test_a_policy_that_is_not_there_is_refused(call, minio):
    assert "XMinioAdminNoSuchPolicy" in call(minio_user, **user(policies=["nope"]))["msg"]


# -- prefixes


def test_a_prefix_is_counted_and_emptied(call, minio):
    minio.buckets["lake"] = ["pl-a/1", "pl-a/2/3", "pl-a_b/1"]
    counted = call(minio_prefix, bucket="lake", prefix="pl-a/")
    assert (counted["changed"], counted["objects"], counted["bytes"]) == (False, 2, 2)
    done = thrice(call, minio, minio_prefix, bucket="lake", prefix="pl-a/", state="absent")
    assert (done["changed"], done["objects"]) == (True, 2)
    # Another that begins alike stays.
    assert minio.buckets["lake"] == ["pl-a_b/1"]


def test_versions_of_what_was_deleted_go_too(call, minio):
    minio.buckets["lake"], minio.former["lake"] = ["pl-b/1"], ["pl-a/1", "pl-b/2"]
    assert call(minio_prefix, bucket="lake", prefix="pl-a/")["objects"] == 0
    done = thrice(call, minio, minio_prefix, bucket="lake", prefix="pl-a/", state="absent")
    assert (done["changed"], done["objects"], minio.former["lake"]) == (True, 1, ["pl-b/2"])


def test_a_bucket_that_is_not_there_holds_nothing(call, minio):
    for state in ("counted", "absent"):
        assert not call(minio_prefix, bucket="none", prefix="pl-a/", state=state)["changed"]


def test_an_object_that_can_not_be_removed_is_named(call, minio):
    minio.buckets["lake"], minio.stuck = ["pl-a/1", "pl-a/2"], {"pl-a/2"}
    failed = call(minio_prefix, bucket="lake", prefix="pl-a/", state="absent")
    assert failed["msg"].startswith("1 objects under lake/pl-a/ could not be removed, the first pl-a/2 (AccessDenied: held)")


@pytest.mark.parametrize("prefix", ["pl-a", "", "/"])
def test_a_prefix_that_others_begin_with(call, minio, prefix):
    minio.buckets["lake"] = ["pl-a/1"]
    assert "it has to end with a slash" in call(minio_prefix, bucket="lake", prefix=prefix, state="absent")["msg"]
    assert minio.buckets["lake"] == ["pl-a/1"]


# -- many users at once

MANY = [
    {"access_key": "anna", "secret_key": "anna-secret"},
    {"access_key": "bert", "secret_key": "bert-secret", "policies": ["write"]},
    {"access_key": "gone", "state": "absent"},
]


def test_many_at_once(call, minio, policies):
    minio.users["gone"] = {"secret": "x", "status": "enabled", "policies": []}
    done = thrice(call, minio, minio_user, aggregate=MANY, policies=["read"])
    assert [item["changed"] for item in done["results"]] == [True, True, True]
    assert [diff["before_header"] for diff in done["diff"]] == ["anna", "bert", "gone"]
    assert {name: user["policies"] for name, user in minio.users.items()} == {"anna": ["read"], "bert": ["write"]}
    minio.users["bert"]["secret"] = "another"
    again = call(minio_user, aggregate=MANY, policies=["read"])
    assert [item["changed"] for item in again["results"]] == [False, True, False]
    assert "bert-secret" not in str(again)


def test_one_of_many_fails_alone(call, minio, policies):
    done = call(minio_user, aggregate=[{"access_key": "anna"}, *MANY[1:], {**MANY[0], "access_key": "eve", "policies": ["nope"]}])
    assert not done["failed"]
    assert [item["access_key"] for item in done["results"] if item["failed"]] == ["anna", "eve"]
    assert "state is present but all of the following are missing: secret_key" in done["results"][0]["msg"]
    assert "XMinioAdminNoSuchPolicy" in done["results"][3]["msg"]
    assert minio.users["bert"]["policies"] == ["write"]


def test_many_at_a_server_that_is_not_there(call, closed_port):
    failed = call(minio_user, aggregate=MANY, endpoint=f"http://127.0.0.1:{closed_port}")
    assert failed["failed"]
    assert "does not answer" in failed["msg"]


# -- the server


@pytest.mark.parametrize(
    ("of", "options"), [(minio_bucket, {"name": "lake"}), (minio_policy, {"name": "a", "policy": READ}), (minio_user, user())]
)
def test_a_wrong_administrator_is_told_apart(call, of, options):
    failed = call(of, admin_secret_key="wrong", **options)
    assert failed["failed"]
    assert "refused" in failed["msg"]


def test_a_server_that_is_not_there(call, closed_port):
    began = time.monotonic()
    failed = call(minio_bucket, name="lake", endpoint=f"http://127.0.0.1:{closed_port}")
    assert f"http://127.0.0.1:{closed_port} does not answer" in failed["msg"]
    assert "systemctl status minio" in failed["msg"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "s3://bucket", "http://"])
def test_an_endpoint_that_is_no_address(call, endpoint):
    assert (
        call(minio_bucket, name="lake", endpoint=endpoint)["msg"]
        == f"endpoint {endpoint!r} is no address: give it as http://host:port"
    )
