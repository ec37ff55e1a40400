# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Both ends of the porter's calls, run by Dagster's Python.

peer.py serve SOCKET ID   a code server: what it is asked goes to SOCKET.log; it ends when told, and what SOCKET.state says is so
peer.py ask               a client: a JSON object a line in, one out
"""

import json
import os
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc

API = "/api.DagsterApi/"


class Server(grpc.GenericRpcHandler):
    """Knows the shape of Dagster's answers, and none of its types."""

    def __init__(self, path: str, identity: str):
        self.path, self.identity, self.ended = path, identity, threading.Event()

    def state(self) -> dict:
        """What the test wants of it now."""
        try:
            return json.loads(Path(self.path + ".state").read_text())
        except FileNotFoundError:
            return {}

    def service(self, handler_call_details):
        method = handler_call_details.method.removeprefix(API)

        def answer(request, context):
            with open(self.path + ".log", "a") as log:
                log.write(f"{method} {request.decode()}\n")
            if method == "GetServerId":
                yield bytes([0x0A, len(self.identity)]) + self.identity.encode()
            elif method == "GetCurrentRuns":
                if self.state().get("deaf"):
                    self.ended.wait()
                yield json.dumps({"current_runs": self.state().get("runs", [])}).encode()
            elif method == "ShutdownServer":
                yield b"ending"
                self.ended.set()
            elif size := self.state().get("size"):
                for _ in range(self.state().get("times", 1)):
                    yield b"x" * size
            elif method == "ListRepositories":
                kind = "SerializableErrorInfo" if self.state().get("broken") else "ListRepositoriesResponse"
                yield b"\x0a\x50" + json.dumps({"__class__": kind, "of": self.identity}).encode()
            elif method == "StreamingExternalRepository":
                yield from [b"", b"second", b"x" * 4_000_000]  # Dagster's largest part
            elif method == "Refuse":
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this")
            elif method == "Die":
                os._exit(9)
            elif method == "Wait":
                while not os.path.exists(request):
                    time.sleep(0.02)
                yield b"waited"
            else:
                yield f"{method} of {self.identity}: ".encode() + request

        return grpc.unary_stream_rpc_method_handler(answer)


def serve(path: str, identity: str) -> None:
    """Until it is told to end."""
    handler = Server(path, identity)
    server = grpc.server(futures.ThreadPoolExecutor(8), compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    handler.ended.wait()
    server.stop(5).wait()


def ask() -> None:
    """As Dagster's client: a channel for each call, unary or streamed."""
    for line in sys.stdin:
        call = json.loads(line)
        options = [("grpc.max_receive_message_length", 50_000_000)]
        with grpc.insecure_channel(f"unix:{call['socket']}", options, grpc.Compression.Gzip) as channel:
            method, request = API + call["method"], call["request"].encode()
            try:
                if call["stream"]:
                    messages = list(channel.unary_stream(method)(request, timeout=call["timeout"]))
                else:
                    messages = [channel.unary_unary(method)(request, timeout=call["timeout"])]
                said = {"messages": [m.decode(errors="replace") for m in messages]}
            except grpc.RpcError as error:
                said = {"code": error.code().name, "details": error.details()}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
