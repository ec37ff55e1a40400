"""Role gateway: one more service, one user fewer, and what services are told of who asks."""

import datetime
import ipaddress
import json
import re

import pytest
import requests
import yaml
from ansible_collections.foss_data.platform.tests.verify.gateway.conftest import COOKIE, DAGSTER, PORTAL
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ECHO = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(json.dumps([[k.lower(), v] for k, v in self.headers.items()]).encode())
    do_POST = do_GET
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 18999), Handler).serve_forever()
"""
ROUTE = {"name": "echo", "title": "Echo", "port": 18998, "upstream": "http://127.0.0.1:18999", "secret": "proof"}
ROUTE |= {"roles": {"engineer": "read", "admin": "change"}, "own_login": ["/own"]}
FORGED = {
    **{name: "admin" for name in ("X-Forwarded-User", "X-Forwarded-Groups", "X-Forwarded-Email", "X-Remote-User", "Remote-User")},
    **{name: "admin" for name in ("X-Auth-Request-User", "X-Auth-Request-Groups", "X-Forwarded-Preferred-Username")},
    **{"X-Gateway-Access": "change", "X-Gateway-Secret": "forged", "X_Forwarded_User": "admin", "Forwarded": "for=192.0.2.1"},
    **{"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1", "X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "http"},
}


SERIAL = 4711


@pytest.fixture(scope="module")
def given(credentials, standin, outside) -> dict[str, str]:
    """A certificate of the site's own and its key, by an authority that the tests trust, too."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    authority = x509.load_pem_x509_certificate(credentials["secret_ca_certificate"].encode())
    signer = serialization.load_pem_private_key(credentials["secret_ca_key"].encode(), None)
    names = x509.SubjectAlternativeName([x509.DNSName(standin), x509.IPAddress(ipaddress.ip_address(outside.address))])
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(authority.subject, x509.Name([]), key.public_key(), SERIAL, now - day, now + day)
    made = made.add_extension(names, critical=True).sign(signer, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return {"gateway_given_certificate": made.public_bytes(encoding).decode(), "gateway_given_key": private}


@pytest.fixture(scope="module")
def changed(root, host, play, sign_in, given):
    """A gateway with one more service, another certificate, and without the user viewer, who is still signed in.

    In the end it is as it was.
    """
    before = {name: sign_in(name) for name in ("viewer", "engineer")}
    host.check_output("systemd-run --unit=verify-echo /usr/bin/python3 -c %s", ECHO)
    wiring = (root / "group_vars/all/wiring.yml").read_text()
    (routes,) = re.findall(r"^gateway_routes:\n((?:  .*\n)+)", wiring, re.MULTILINE)
    more = f"gateway_routes:\n{routes}  - {json.dumps(ROUTE)}\n"
    more += "gateway_users: \"{{ sandbox_users | rejectattr('name', 'eq', 'viewer') | list }}\"\n"
    users = (root / "inventories/sandbox/group_vars/all/sandbox.yml").read_text().split("gateway_users:")[1]
    file = root / ".sandbox" / "verify-gateway.yml"
    file.write_text(f"{more}sandbox_users:{users}\n{yaml.safe_dump(given)}")
    try:
        done = play("site.yml", "--diff", "--tags", "gateway", "-e", f"@{file}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert given["gateway_given_key"].splitlines()[1] not in done.stdout + done.stderr
        yield before
    finally:
        file.unlink()
        host.run("systemctl stop verify-echo")
        done = play("site.yml", "--tags", "gateway")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def engineer(changed, sign_in):
    """Signed in anew: the list of users has changed, so nobody was any more."""
    return sign_in("engineer")


def test_whoever_is_taken_from_the_list_is_out_at_once(outside, changed, passwords):
    assert changed["viewer"].get(outside.url(DAGSTER, "/server_info"), timeout=60).status_code == 401
    form = {"username": "viewer", "password": passwords["viewer"]}
    assert outside.ask(PORTAL, "/oauth2/sign_in", "POST", data=form).status_code == 401


def test_it_shows_the_certificate_that_the_site_gives(host, outside, changed):
    with outside.connection(DAGSTER) as connection:
        served = x509.load_der_x509_certificate(connection.getpeercert(True))
    assert served.serial_number == SERIAL
    key = host.file("/etc/certificates/gateway/key.pem")
    assert (key.user, key.group, key.mode) == ("root", "www-data", 0o640)


def heard(answer: requests.Response) -> dict[str, list[str]]:
    """The headers that came to the service, by their names in small letters."""
    found: dict[str, list[str]] = {}
    for name, value in answer.json():
        found.setdefault(name.replace("_", "-"), []).append(value)
    return found


def test_a_service_hears_who_asks_from_the_gateway_alone(outside, engineer):
    cookies = f"a=1; {COOKIE}={engineer.cookies[COOKIE]}; b=2"
    answer = outside.ask(18998, headers=FORGED | {"Cookie": cookies, "Authorization": "Basic eDp5"})
    told = heard(answer)
    assert (told["x-forwarded-user"], told["x-forwarded-groups"]) == (["engineer"], ["engineer"])
    assert (told["x-gateway-access"], told["x-gateway-secret"]) == (["read"], ["proof"])
    assert (told["x-forwarded-proto"], told["x-forwarded-host"]) == (["https"], [f"{outside.address}:18998"])
    assert len(told["x-forwarded-for"]) == 1
    assert not {
        name for name, values in told.items() if set(values) & {"admin", "forged", "192.0.2.1", "for=192.0.2.1", "example.org"}
    }
    assert "authorization" not in told
    # Not the session, with which the service could sign in elsewhere.
    assert told["cookie"] == ["a=1; b=2"]


@pytest.mark.parametrize("before", ["", "a=1; "])
@pytest.mark.parametrize("after", ["", "; b=2"])
def test_a_service_never_has_the_session(outside, engineer, before, after):
    session = f"{COOKIE}={engineer.cookies[COOKIE]}"
    for cookies in (f"{before}{session}{after}", f"{before}{session}; {session}{after}", f"{session}; c=3; {session}"):
        answer = outside.ask(18998, headers={"Cookie": cookies})
        assert answer.status_code == 200
        assert COOKIE not in answer.text
    assert heard(outside.ask(18998, headers={"Cookie": f"{before}{session}{after}"})).get("cookie", [""]) == [
        (before + after.lstrip("; ") if before else after.lstrip("; ")).rstrip("; ")
    ]


def test_one_table_says_who_may_do_what(outside, engineer):
    url = outside.url(18998)
    assert engineer.get(url, timeout=60).status_code == 200
    for method in "POST", "PUT", "DELETE", "PATCH":
        answer = engineer.request(method, url, timeout=60)
        assert (answer.status_code, answer.text) == (403, "Your role may not do that here.\n")


def test_where_the_service_asks_itself_it_hears_of_nobody(outside, engineer):
    headers = FORGED | {"Cookie": f"{COOKIE}={engineer.cookies[COOKIE]}", "Authorization": "Basic eDp5"}
    told = heard(outside.ask(18998, "/own/place", headers=headers))
    assert told["authorization"] == ["Basic eDp5"]
    assert not {"cookie", "x-forwarded-user", "x-gateway-secret", "x-gateway-access", "x-remote-user"} & set(told)
