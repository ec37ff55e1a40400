# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Client and base class of the ``minio_*`` modules, over the library ``minio``.

Source of the calls: MinIO's admin API, version 3, as the library's ``MinioAdmin`` speaks it.
"""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.foss_data.platform.plugins.module_utils.patience import patiently
from ansible_collections.foss_data.platform.plugins.module_utils.service_state import ServiceStateModule

try:
    import urllib3
    from minio import Minio, MinioAdmin
    from minio.credentials import StaticProvider
    from minio.error import MinioAdminException, S3Error

    LIBRARY_ERROR = None
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()

CONNECTION = {
    "endpoint": {"type": "str", "required": True},
    "admin_access_key": {"type": "str", "required": True, "no_log": False},
    "admin_secret_key": {"type": "str", "required": True, "no_log": True},
    "region": {"type": "str", "default": "us-east-1"},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 30},
}


def canonical(policy: Any) -> Any:
    """The one form in which equal policies are equal: a list is a set, a scalar a list of one."""
    if isinstance(policy, dict):
        return {
            key: canonical([value] if key in ("Action", "Resource") and isinstance(value, str) else value)
            for key, value in policy.items()
            if value not in ("", None) or key not in ("Sid", "ID", "Id")
        }
    if isinstance(policy, list):
        return sorted((canonical(item) for item in policy), key=lambda item: json.dumps(item, sort_keys=True))
    return policy


class MinioModule(ServiceStateModule):
    """What the modules share that manage something in a MinIO server."""

    connection, library = CONNECTION, ("minio", LIBRARY_ERROR)

    def connect(self) -> None:
        """Where it is; a client is made for each call."""
        address = urlsplit(self.params["endpoint"])
        if address.scheme not in ("http", "https") or not address.netloc:
            self.fail(f"endpoint {self.params['endpoint']!r} is no address: give it as http://host:port")
        self._host, self._secure = address.netloc, address.scheme == "https"

    def fault(self, error: Exception) -> dict | None:
        """What the server or the library said."""
        said = ""
        if isinstance(error, S3Error):
            said = f"refused ({error.code}): {error.message}"
        elif isinstance(error, MinioAdminException):
            said = f"refused: {error}"
        elif isinstance(error, ValueError):
            # The library checks names before it sends anything, and an answer that is no JSON comes from something else.
            said = f"can't do that: {error}"
        elif isinstance(error, urllib3.exceptions.HTTPError):
            said = f"does not answer ({error}): is MinIO running there (systemctl status minio)?"
        return {"msg": f"{self.params['endpoint']} {said}"} if said else None

    def _http(self) -> Any:
        # No hidden retries: `patiently` decides what is asked again.
        certificates = {"cert_reqs": "CERT_REQUIRED", "ca_certs": self.params["ca_path"]} if self.params["ca_path"] else {}
        return urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=30), retries=False, **certificates)

    def s3(self, access_key: str | None = None, secret_key: str | None = None) -> Any:
        """S3 client as the administrator, or as the user given."""
        return Minio(
            endpoint=self._host,
            access_key=access_key or self.params["admin_access_key"],
            secret_key=secret_key or self.params["admin_secret_key"],
            secure=self._secure,
            region=self.params["region"],
            http_client=self._http(),
        )

    def admin(self) -> Any:
        """Client of the admin API."""
        provider = StaticProvider(self.params["admin_access_key"], self.params["admin_secret_key"])
        return MinioAdmin(
            endpoint=self._host, credentials=provider, secure=self._secure, region=self.params["region"], http_client=self._http()
        )

    def ask(self, call: Any) -> Any:
        """The answer of ``call``; waits for a server that does not take connections yet."""

        def transient(error: Exception) -> bool:
            return isinstance(error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))

        return patiently(call, self.params["timeout"], transient)

    def ask_admin(self, call: Any, absent: str) -> dict | None:
        """The JSON answer of an admin call; None where it fails with the error code ``absent``."""
        try:
            return json.loads(self.ask(call))
        except MinioAdminException as error:
            if absent in str(error):
                return None
            raise
