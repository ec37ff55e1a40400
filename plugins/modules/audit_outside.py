#!/usr/bin/python
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_outside
short_description: What a security audit has to know of a host, seen from elsewhere
version_added: 0.1.0
author: FOSS Data Platform contributors (@foss-data)
description:
  - Connects to every TCP port of an address, and asks those that answer for TLS and for pages without a login. It runs where the
    host is reached as a stranger would reach it, so on the control side. UDP is not asked, as nobody can tell there whether a
    silence is an answer.
attributes:
  check_mode:
    description: It never changes anything, so it does the same.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
options:
  address:
    description: The address, or a name of it.
    type: str
    required: true
  name:
    description: The name that people call it by, which its certificates have to be good for. The default is the address.
    type: str
  authority:
    description: Certificate of an authority that is trusted beside those of the system, as PEM.
    type: str
    default: ""
  ports:
    description: First and last port to connect to.
    type: list
    elements: int
    default: [1, 65535]
  not_http:
    description: Ports that speak something else than HTTP, so that they are not asked for pages.
    type: list
    elements: int
    default: [22]
"""

EXAMPLES = r"""
- name: Look at the host from outside
  foss_data.platform.audit_outside:
    address: vps.example.org
  delegate_to: localhost
  become: false
  register: _audit_outside
"""

RETURN = r"""
facts:
  description: What answers; P(foss_data.platform.audit_report#filter) knows its shape.
  returned: always
  type: dict
"""

import asyncio
import contextlib
import http.client
import resource
import socket
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.audit import handshake

AT_ONCE = 1000  # connections under way
PATIENCE = 2.0  # seconds; a firewall that drops says nothing at all
# One of each service that may be behind it.
PATHS = (
    "/",
    "/graphql",
    "/server_info",
    "/v1/info",
    "/v1/statement",
    "/ui/",
    "/metrics",
    "/minio/health/live",
    "/api/",
    "/.git/config",
)


async def walk(address: str, ports: range) -> list[int]:
    """Those of ``ports`` that take a connection."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def opened(port: int) -> bool:
        async with turn:
            try:
                _reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), PATIENCE)
            except OSError:
                return False
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return True

    found = await asyncio.gather(*(opened(port) for port in ports))
    return [port for port, there in zip(ports, found, strict=True) if there]


def pages(address: str, port: int, name: str, secure: bool, authority: str) -> list[dict]:
    """What is answered to who has not logged in. A certificate that is not trusted is another finding's, and nothing is asked."""
    shown = f"[{name}]" if ":" in name else name
    found = []
    for path in PATHS:
        connection = http.client.HTTPConnection(address, port, timeout=handshake.PATIENCE)
        try:
            connection.connect()
            if secure:
                # The name is checked, whatever the address is.
                connection.sock = handshake.trusting(authority).wrap_socket(connection.sock, server_hostname=name)
            connection.request("GET", path, headers={"Host": f"{shown}:{port}"})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
        leads = urllib.parse.urlsplit(answer.getheader("Location", ""))
        scheme = "https" if secure else "http"
        found.append(
            {
                "url": f"{scheme}://{shown}:{port}{path}",
                "status": answer.status,
                "leads": f"{leads.scheme}://{leads.netloc}{leads.path}" if leads.netloc else leads.path,
                "strict": bool(answer.getheader("Strict-Transport-Security")),
            }
        )
    return found


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "name": {"type": "str"},
            "authority": {"type": "str", "default": ""},
            "ports": {"type": "list", "elements": "int", "default": [1, 65535]},
            "not_http": {"type": "list", "elements": "int", "default": [22]},
        },
        supports_check_mode=True,
    )
    p = module.params
    if len(p["ports"]) != 2 or not 1 <= p["ports"][0] <= p["ports"][1] <= 65535:
        module.fail_json(msg=f"ports is {p['ports']}: give the first and the last one, from 1 to 65535.")
    facts = {"address": p["address"], "reached": True, "why": "", "open": [], "walked": 0, "tls": [], "pages": []}
    try:
        address = socket.getaddrinfo(p["address"], None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        module.exit_json(changed=False, facts=facts | {"reached": False, "why": error.strerror})
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * AT_ONCE
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    ports = range(p["ports"][0], p["ports"][1] + 1)
    facts |= {"open": asyncio.run(walk(address, ports)), "walked": len(ports)}
    for port in (port for port in facts["open"] if port not in p["not_http"]):
        seen = handshake.look(address, port, p["name"] or p["address"], p["authority"])
        secure = bool(seen.get("versions"))
        if secure:
            facts["tls"].append({"address": p["address"], "port": port, "name": p["name"] or p["address"], **seen})
        facts["pages"] += pages(address, port, p["name"] or p["address"], secure, p["authority"])
    module.exit_json(changed=False, facts=facts)


if __name__ == "__main__":
    main()
