"""Role trino: who it is has to be proven, on both sides."""

import re

import pytest
from ansible_collections.foss_data.platform.tests.deployed import PLAIN, SECURE, until

# The certificate that is served, which changes when it is made anew.
SERVED = """
import ssl, socket
context = ssl.create_default_context(cafile="/etc/certificates/ca.pem")
with socket.create_connection(("127.0.0.1", 8443)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as served:
    print(ssl.DER_cert_to_PEM_cert(served.getpeercert(True)))
"""
DISTRUST = """
import requests
try:
    print(requests.get("https://127.0.0.1:8443/v1/info").status_code)
except requests.exceptions.SSLError as error:
    print("refused", error)
"""


@pytest.mark.parametrize("name", ["platform", "readiness", "stranger", None])
def test_a_name_alone_opens_nothing(let_in, name):
    assert let_in(PLAIN, SECURE, said=name) == {"refused"}


def test_a_password_opens_its_own(let_in, credentials):
    admin, probe = (credentials[f"secret_trino_{name}"] for name in ("admin", "readiness"))
    assert let_in(SECURE, login=("platform", admin)) == {"let in"}
    assert let_in(SECURE, said="anybody", login=("platform", admin)) == {"let in"}
    assert let_in(SECURE, login=("readiness", probe)) == {"let in"}
    for login in ("platform", probe), ("readiness", admin), ("platform", ""), ("stranger", admin):
        assert let_in(PLAIN, SECURE, login=login) == {"refused"}, login[0]
    # Who has one may not speak for another.
    for name in "platform", "stranger":
        assert let_in(SECURE, said=name, login=("readiness", probe)) == {"PERMISSION_DENIED"}


def test_it_says_without_a_password_that_it_runs(host, on_host):
    assert '"starting":false' in on_host(f'import requests; print(requests.get("{PLAIN}/v1/info").text)')
    # Nobody else's to read: with what is in it passwords can be tried.
    files = "/etc/trino/own-passwords.txt /etc/trino/passwords.txt /etc/trino/certificate.pem /etc/certificates/trino/key.pem"
    assert host.run(f"runuser -u nobody -- cat {files}").stdout == ""


def test_a_login_comes_and_goes_while_it_runs(module, let_in, invocation, trino_login):
    began = invocation("trino")
    user = {**trino_login, "password_file": "/etc/trino/passwords.txt", "name": "verify_login"}
    try:
        module("trino_user", **user, login_password="verify-one")
        assert let_in(SECURE, login=("verify_login", "verify-one")) == {"let in"}
        module("trino_user", **user, login_password="verify-two")
        assert let_in(SECURE, login=("verify_login", "verify-one")) == {"refused"}
        assert let_in(SECURE, login=("verify_login", "verify-two")) == {"let in"}
    finally:
        module("trino_user", **user, state="absent")
    assert let_in(SECURE, login=("verify_login", "verify-two")) == {"refused"}
    assert invocation("trino") == began


def test_a_certificate_of_somebody_else_is_refused(on_host):
    """The system's authorities don't know this one."""
    assert "certificate verify failed" in on_host(DISTRUST)


def test_the_authoritys_key_is_not_on_the_host(host, credentials):
    line = credentials["secret_ca_key"].splitlines()[1]
    assert host.run("grep --recursive --files-with-matches --fixed-strings -e %s /etc /var/lib/trino /root /tmp", line).rc == 1


def test_a_certificate_is_made_anew_in_time_and_only_then(host, on_host, play, invocation):
    """And served without a restart."""
    began, tags = invocation("trino"), ["site.yml", "--tags", "trino"]

    def changes(*arguments: str) -> int:
        done = play(*tags, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return int(re.search(r"changed=(\d+) .*failed=0", done.stdout)[1])

    assert changes() == 0
    key = host.file("/etc/certificates/trino/key.pem").sha256sum
    # One that is good for twenty days more.
    assert changes("-e", '{"_certificates_days": 20, "_certificates_days_left": 999}') == 2
    short = host.file("/etc/certificates/trino/certificate.pem").content_string
    assert changes("--check") == changes() == 2
    renewed = host.file("/etc/certificates/trino/certificate.pem").content_string
    assert renewed != short
    assert changes() == 0
    assert host.file("/etc/certificates/trino/key.pem").sha256sum == key
    # It looks once a minute.
    until(lambda: on_host(SERVED).strip() == renewed.strip(), 90)
    assert invocation("trino") == began
