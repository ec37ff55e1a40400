# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Prepare a release, and record what its code server would answer to Dagster: for the porter, while that sleeps.

Run by the pipeline's Python in the release's folder, after which it lies in `.answers`, a file for each question. A code server
of its own would have to import again what preparing has: this is one, without a socket, asked by the client that Dagster's
webserver and daemon have. Code that Dagster can't load ends it with a line on standard error, whatever the preparation said.
"""

import argparse
import gc
import hashlib
import logging
import os
import sys
import threading
from pathlib import Path

MODULE = "orchestration.definitions"
ANSWERS = ".answers"
PARTIAL = ".answers.partial"


def record(name: str, code: str, socket: str, folder: Path) -> None:
    """Ask all that Dagster asks when it loads the code location ``name``, reached by ``socket``. Raises what loading raises."""
    from dagster import DagsterInstance
    from dagster._core.remote_representation import code_location
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.utils import FuturesAwareThreadPoolExecutor
    from dagster._core.workspace.load import location_origins_from_config
    from dagster._grpc import client
    from dagster._grpc.server import DagsterApiServer

    # As `dagster api grpc` makes it.
    server = DagsterApiServer(
        server_termination_event=threading.Event(),
        logger=logging.getLogger("dagster.code_server"),
        server_threadpool_executor=FuturesAwareThreadPoolExecutor(max_workers=1),
        loadable_target_origin=LoadableTargetOrigin(
            executable_path=sys.executable, working_directory=os.getcwd(), module_name=MODULE
        ),
        fixed_server_id=code,
        location_name=name,
    )
    folder.mkdir()

    class Client(client.DagsterGrpcClient):
        """Asks the server by a call in the place of a connection."""

        def _get_response(self, method, request, timeout=0):
            reply = getattr(server, method)(request, None)
            asked = hashlib.sha256(request.SerializeToString()).hexdigest()[:32]
            (folder / f"{method}-{asked}").write_bytes(reply.SerializeToString())
            return reply

    client.DagsterGrpcClient = Client
    place = {"socket": socket, "location_name": name}
    (origin,) = location_origins_from_config({"load_from": [{"grpc_server": place}]}, "").values()
    with DagsterInstance.ephemeral() as instance:
        code_location.GrpcServerCodeLocation(origin, instance)


def main() -> int:
    """0, what preparing ended with, or 1."""
    parser = argparse.ArgumentParser(description="Prepare a release and record its answers")
    parser.add_argument("--name", required=True, help="the pipeline, and its code location")
    parser.add_argument("--code", required=True, help="what its code server will have as --fixed-server-id")
    parser.add_argument("--socket", required=True, help="where Dagster reaches the code location")
    arguments = parser.parse_args()
    # Nearly all that is made here stays until the end: looking for what does not, every 700 objects, takes a quarter of the time.
    gc.set_threshold(50_000, 20, 20)
    # As `python -m` finds modules.
    sys.path.insert(0, os.getcwd())
    from pipeline_shared import prepare

    sys.argv = ["pipeline_shared.prepare"]
    if ended := prepare.main():
        return ended
    try:
        record(arguments.name, arguments.code, arguments.socket, Path(PARTIAL))
    except Exception as error:
        cause = error.__cause__ or error
        print(f"Dagster can't load {MODULE}: {type(cause).__name__}: {' '.join(str(cause).split())}", file=sys.stderr)
        return 1
    # Last: whatever tests leave behind is in no answer. A test that ends this process leaves none at all.
    sys.argv.append("--test")
    if ended := prepare.main():
        return ended
    os.rename(PARTIAL, ANSWERS)
    return 0


if __name__ == "__main__":
    ended = main()
    # Python would look through all of it, several times, before it lets it go: another quarter.
    gc.freeze()
    sys.exit(ended)
