"""Role gateway: what each role may do at each service."""

import pytest
import requests
from ansible_collections.foss_data.platform.tests.verify.gateway.conftest import COOKIE, DAGSTER, TRINO
from ansible_collections.foss_data.platform.tests.websocket import open_websocket, receive, send
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import HttpError

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

    def run(statement: str, user: str, password: str) -> list:
        known = {"host": outside.address, "port": TRINO, "http_scheme": "https", "verify": str(outside.authority)}
        login = BasicAuthentication(user, password)
        with connect(**known, user=user, auth=login) as connection:
            return connection.cursor().execute(statement).fetchall()

    return run


def test_a_client_of_trinos_comes_with_its_password(query, credentials):
    password = credentials["secret_trino_admin"]
    assert query("SELECT count(*) FROM tpch.tiny.orders", "platform", password) == [[15000]]
    with pytest.raises(HttpError, match="401"):
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
