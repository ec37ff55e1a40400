"""Role gateway: what each role may do at each service, and what services are told of who asks."""

import json
import re

import pytest
import requests
from ansible_collections.foss_data.platform.tests.verify.gateway.conftest import COOKIE, DAGSTER, PORTAL, TRINO
from ansible_collections.foss_data.platform.tests.websocket import open_websocket, receive, send
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import TrinoUserError

MUTATION = "mutation { reloadWorkspace { __typename } }"


def graphql(client: requests.Session, url: str, query: str, method: str = "POST") -> requests.Response:
    """Dagster's answer to a query."""
    options = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}
    return client.request(method, url, timeout=60, **options)


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("engineer", True), ("admin", True)])
def test_dagster_is_changed_by_those_who_may(outside, signed_in, role, may):
    client, url = signed_in[role], outside.url(DAGSTER, "/graphql")
    for method in "POST", "GET":
        assert graphql(client, url, "{ version }", method).json()["data"]["version"]
        answer = graphql(client, url, MUTATION, method)
        assert answer.status_code == (200 if may else 403)
        assert (answer.json()["data"] is not None) == may
    assert client.post(url, json=[{"query": MUTATION}], timeout=60).status_code >= 400
    reported = client.post(outside.url(DAGSTER, "/report_asset_check/none"), json={}, timeout=60)
    assert (reported.status_code == 403) != may
    assert (client.delete(outside.url(DAGSTER, "/runs"), timeout=60).status_code == 403) != may
    with outside.connection(DAGSTER) as connection:
        known = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        open_websocket(connection, f"{outside.address}:3000", "/graphql", "graphql-ws", **known)
        send(connection, {"type": "connection_init"})
        assert receive(connection)["type"] == "connection_ack"
        send(connection, {"type": "start", "id": "1", "payload": {"query": MUTATION}})
        said = receive(connection)
        assert said["type"] == "error"
        assert ("ask an administrator" in said["payload"]["message"]) != may


def test_on_the_host_nobody_says_who_they_are(on_host):
    code = """
import requests
for headers in ({}, {"X-Forwarded-User": "admin"}, {"X-Gateway-Access": "change", "X-Gateway-Secret": "guess"}):
    print(requests.post("http://127.0.0.1:3000/graphql", json={"query": "{ version }"}, headers=headers).status_code)
"""
    assert on_host(code).split() == ["200", "403", "403"]


# -- Trino


@pytest.fixture
def query(outside, monkeypatch):
    """Rows of a query by Trino's client for Python, as docs/OPERATIONS.md has it."""
    for name in "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE":
        monkeypatch.delenv(name, raising=False)

    def run(statement: str, user: str, password: str, **headers: str) -> list:
        session = requests.Session()
        session.headers.update(headers)
        known = {"host": outside.address, "port": TRINO, "http_scheme": "https", "verify": str(outside.authority)}
        login = BasicAuthentication(user, password)
        with connect(**known, user=user, auth=login, http_session=session) as connection:
            return connection.cursor().execute(statement).fetchall()

    return run


def test_a_client_of_trinos_comes_with_its_password(query, credentials):
    password = credentials["secret_trino_admin"]
    assert query("SELECT count(*) FROM tpch.tiny.orders", "platform", password) == [[15000]]
    with pytest.raises((TrinoUserError, Exception), match="401"):
        query("SELECT 1", "platform", "wrong")


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"X-Forwarded-Host": "example.org", "X-Forwarded-Port": "1", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=example.org"},
    ],
)
def test_trino_names_its_public_address(outside, credentials, forged):
    login = ("platform", credentials["secret_trino_admin"])
    answer = outside.ask(TRINO, "/v1/statement", "POST", data="SELECT 1", auth=login, headers=forged).json()
    assert answer["nextUri"].startswith(outside.url(TRINO, "/v1/statement/"))
    assert answer["infoUri"].startswith(outside.url(TRINO, "/ui/"))


def test_trinos_page_asks_for_its_own_login(outside, sign_in, credentials):
    client = sign_in("engineer")
    assert client.get(outside.url(TRINO, "/ui/api/stats"), timeout=60).status_code == 401
    form = {"username": "platform", "password": credentials["secret_trino_admin"]}
    client.post(outside.url(TRINO, "/ui/login"), data=form, headers={"Origin": outside.url(TRINO, "")}, timeout=60)
    assert "runningQueries" in client.get(outside.url(TRINO, "/ui/api/stats"), timeout=60).json()


# -- one more service, one user fewer

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


@pytest.fixture(scope="module")
def changed(root, host, play, sign_in, outside):
    """A gateway with one more service, and without the user viewer, who is still signed in; as it was in the end."""
    before = {name: sign_in(name) for name in ("viewer", "engineer")}
    host.check_output("systemd-run --unit=verify-echo /usr/bin/python3 -c %s", ECHO)
    wiring = (root / "group_vars/all/wiring.yml").read_text()
    (routes,) = re.findall(r"^gateway_routes:\n((?:  .*\n)+)", wiring, re.MULTILINE)
    more = f"gateway_routes:\n{routes}  - {json.dumps(ROUTE)}\n"
    more += "gateway_users: \"{{ sandbox_users | rejectattr('name', 'eq', 'viewer') | list }}\"\n"
    users = (root / "inventories/sandbox/group_vars/all/sandbox.yml").read_text().split("gateway_users:")[1]
    file = root / ".sandbox" / "verify-gateway.yml"
    file.write_text(f"{more}sandbox_users:{users}")
    try:
        done = play("site.yml", "--tags", "gateway", "-e", f"@{file}")
        assert done.returncode == 0, done.stdout + done.stderr
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
