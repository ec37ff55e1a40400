"""Role minio: an object written and read, keys that reach no further than they should."""

CLIENT = """
import io
from minio import Minio
from minio.error import S3Error
def client(access_key, secret_key):
    return Minio(endpoint="127.0.0.1:9010", access_key=access_key, secret_key=secret_key, secure=False, region="eu-north-1")
"""


def test_an_object_is_written_and_read(on_host, credentials):
    code = CLIENT + (
        "s3 = client('trino', values['secret'])\n"
        "s3.put_object('lakehouse', 'verify/probe', io.BytesIO(b'written'), 7)\n"
        "print(s3.get_object('lakehouse', 'verify/probe').read().decode())\n"
        "s3.remove_object('lakehouse', 'verify/probe')"
    )
    assert on_host(code, secret=credentials["secret_minio_trino"]) == "written"


def test_a_user_has_no_other_bucket(on_host, credentials):
    code = CLIENT + (
        "try:\n    client('trino', values['secret']).make_bucket('another')\nexcept S3Error as error:\n    print(error.code)"
    )
    assert on_host(code, secret=credentials["secret_minio_trino"]) == "AccessDenied"


def test_no_default_credentials(on_host):
    name = "minio" + "admin"
    code = CLIENT + (
        "try:\n    print(client(values['name'], values['name']).list_buckets())\nexcept S3Error as error:\n    print(error.code)"
    )
    assert on_host(code, name=name) == "InvalidAccessKeyId"


def test_version_is_stamped(host):
    assert "RELEASE.2026-02-12" in host.check_output("/opt/minio/current/bin/minio --version")
