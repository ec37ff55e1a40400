# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Serve the dashboard. It is told by environment variables where the services are, see the README."""

import os
import sys
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from foss_data_dashboard.app import Dashboard
from foss_data_dashboard.settings import Settings


class Server(ThreadingMixIn, WSGIServer):
    """One thread for each request: a page waits for services that may be slow."""

    daemon_threads = True


class Handler(WSGIRequestHandler):
    """Hangs up on who connects and then says nothing."""

    timeout = 30


def main() -> int:
    """Serves until it is ended; 1 with one line on standard error when it can't."""
    try:
        settings = Settings.from_environment(os.environ)
        parts = urlsplit(settings.listen)
        host, port = parts.hostname, parts.port
        server = make_server(host, port, Dashboard(settings), server_class=Server, handler_class=Handler)
    except ValueError as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The dashboard can't listen on {host}:{port}: {error.strerror}. Set DASHBOARD_LISTEN.", file=sys.stderr)
        return 1
    print(f"The dashboard answers at http://{host}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
