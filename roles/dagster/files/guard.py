# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Dagster's webserver has no login. Who comes through the gateway may do what the gateway says, and this holds them to it.

The gateway proves itself by a secret ($GATEWAY_SECRET), so nobody else's word on who somebody is counts. Whoever says nothing of
the kind is on the host itself: who may connect there is the firewall's business.
"""

import hmac
import os

from dagster_webserver import app as dagster_app
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse

SAID = ("x-gateway-secret", "x-gateway-access", "x-forwarded-user", "x-forwarded-groups", "x-forwarded-email", "x-remote-user")
CHANGE, READ = "change", "read"
# Where a question may come by POST; whether it is one is looked at there.
QUESTIONS = "/graphql"
REFUSED = "You may look at Dagster, and change nothing: ask an administrator for the role engineer."
STRANGER = "Who you are is for the gateway to say: come through it."


def access(headers: Headers, secret: str) -> str | None:
    """What whoever sends these headers may do: CHANGE, READ, or nothing at all."""
    if not any(name in headers for name in SAID):
        return CHANGE
    if not hmac.compare_digest(headers.get("x-gateway-secret", "").encode(), secret.encode()):
        return None
    return CHANGE if headers.get("x-gateway-access") == CHANGE else READ


def changes(query: object) -> bool:
    """Whether a mutation is in what is asked. Which of several operations is meant does not matter: one is enough."""
    if not isinstance(query, str):
        return True
    try:
        document = parse(query)
    except GraphQLError:
        # Dagster says what is wrong with it, and runs nothing of it.
        return False
    return any(
        isinstance(part, OperationDefinitionNode) and part.operation is OperationType.MUTATION for part in document.definitions
    )


class Gate:
    """Lets nobody pass who may not be here, and lets who may only read do nothing but that."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        """Answer in the place of the webserver, or leave it to that."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope["gateway_access"] = allowed = access(Headers(scope=scope), os.environ["GATEWAY_SECRET"])
        asks = scope["path"] == QUESTIONS or scope.get("method", "GET") in ("GET", "HEAD", "OPTIONS")
        if allowed == CHANGE or (allowed == READ and asks):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Not accepted yet, so the server answers 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(REFUSED if allowed else STRANGER, 403)(scope, receive, send)


class GuardedWebserver(DagsterWebserver):
    """Dagster's webserver, which shows and does for each what that one may."""

    def build_middleware(self):
        """With the gate first."""
        return [Middleware(Gate), *super().build_middleware()]

    def _make_request_context(self, conn):
        """With Dagster's own permissions of who may only read: its page then shows what can't be done as such."""
        context = super()._make_request_context(conn)
        assert hasattr(context, "_read_only"), "this Dagster keeps elsewhere that one may only read: see where"
        context._read_only = conn.scope["gateway_access"] != CHANGE
        return context

    async def gen_graphql_response(self, request_context, query, variables, operation_name):
        """Over HTTP, by GET and by POST."""
        if request_context.read_only and changes(query):
            return JSONResponse({"data": None, "errors": [{"message": REFUSED}]}, 403)
        return await super().gen_graphql_response(request_context, query, variables, operation_name)

    async def execute_graphql_subscription(self, websocket, operation_id, query, variables, operation_name):
        """Over a websocket."""
        if websocket.scope["gateway_access"] != CHANGE and changes(query):
            return None, {"message": REFUSED}
        return await super().execute_graphql_subscription(websocket, operation_id, query, variables, operation_name)


def install() -> None:
    """Make it the webserver that Dagster's program starts."""
    dagster_app.DagsterWebserver = GuardedWebserver
