"""Requests from outside, as a browser and as programs make them."""

import contextlib
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret

COOKIE = "__Host-foss_data"
DOOR, LOGIN = "/run/gateway-door/door.sock", "/run/gateway-login/login.sock"
ROLES = ("admin", "engineer", "viewer")
PORTAL, DAGSTER, TRINO = 443, 3000, 8080


@dataclass(frozen=True)
class Outside:
    """What is known of the host there: its address, and the site's authority."""

    address: str
    authority: Path

    def client(self) -> requests.Session:
        """A browser that nobody has signed in with. What the machine's environment says of other authorities is left aside."""
        client = requests.Session()
        client.trust_env, client.verify = False, str(self.authority)
        return client

    def url(self, port: int, path: str = "/") -> str:
        """The address of a page."""
        return f"https://{self.address}{'' if port == PORTAL else f':{port}'}{path}"

    def ask(self, port: int, path: str = "/", method: str = "GET", **options) -> requests.Response:
        """One request of nobody's."""
        with self.client() as client:
            return client.request(method, self.url(port, path), timeout=60, allow_redirects=False, **options)

    @contextlib.contextmanager
    def connection(self, port: int) -> Iterator[ssl.SSLSocket]:
        """TLS, and nothing said yet."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with socket.create_connection((self.address, port), timeout=60) as plain:
            yield context.wrap_socket(plain, server_hostname=self.address)

    def raw(self, port: int, text: str) -> int:
        """Status of the answer to these very bytes; 0 if the connection was closed instead."""
        with self.connection(port) as connection:
            connection.sendall(text.replace("\n", "\r\n").encode())
            answer = connection.recv(4096)
        return int(answer.split()[1]) if answer else 0


@pytest.fixture(scope="session")
def outside(root, standin, credentials, tmp_path_factory) -> Outside:
    """The host as it is seen from this machine."""
    known = (root / ".sandbox" / standin / "ssh_config").read_text()
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_text(credentials["secret_ca_certificate"])
    return Outside(re.search(r"HostName (\S+)", known)[1], authority)


@pytest.fixture(scope="session")
def passwords(credentials) -> dict[str, str]:
    """Of the sandbox's users, each of whom is called by its role."""
    admin = credentials["secret_gateway_admin"]
    return {"admin": admin} | {role: derived_secret(admin, role) for role in ROLES if role != "admin"}


@pytest.fixture(scope="session")
def sign_in(outside, passwords) -> Callable[[str], requests.Session]:
    """A browser in which somebody has just signed in."""

    def run(name: str) -> requests.Session:
        client = outside.client()
        form = {"username": name, "password": passwords[name], "rd": "/"}
        answer = client.post(outside.url(PORTAL, "/oauth2/sign_in"), data=form, timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/"), answer.text
        return client

    return run


@pytest.fixture(scope="session")
def browsers() -> dict[str, requests.Session]:
    """Of each role's, in which somebody has signed in at some time."""
    return {}


@pytest.fixture(scope="module")
def signed_in(outside, sign_in, browsers) -> dict[str, requests.Session]:
    """A browser of each role's. Tests that change the list of users sign everybody out."""
    for role in ROLES:
        if role not in browsers or browsers[role].get(outside.url(PORTAL), timeout=60).status_code == 401:
            browsers[role] = sign_in(role)
    return browsers


# Sends forms to the door's socket, as nginx does, side by side; each as an address, a name and a password.
SEND = """
import http.client, json, socket, time, urllib.parse
from concurrent.futures import ThreadPoolExecutor

class Door(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(values["socket"])

def send(form):
    address, name, password = form
    began = time.monotonic()
    door = Door("localhost")
    known = {"X-Real-IP": address, "Host": "localhost", "X-Forwarded-Proto": "https"}
    known["Content-Type"] = "application/x-www-form-urlencoded"
    door.request("POST", "/oauth2/sign_in", urllib.parse.urlencode({"username": name, "password": password}), known)
    return door.getresponse().status, time.monotonic() - began

with ThreadPoolExecutor(values["at_once"]) as side_by_side:
    print(json.dumps(list(side_by_side.map(send, values["forms"]))))
"""


@pytest.fixture(scope="module")
def at_the_door(on_host) -> Callable[..., list[tuple[int, float]]]:
    """Status and seconds of the answer to each form, where nginx counts nothing."""

    def send(*forms: tuple[str, str, str], at_once: int = 16, socket: str = DOOR) -> list[tuple[int, float]]:
        return [tuple(found) for found in json.loads(on_host(SEND, forms=forms, at_once=at_once, socket=socket))]

    return send
