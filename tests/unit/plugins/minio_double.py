# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A MinIO server in this process, as far as the ``minio_*`` modules speak to one: signatures are checked, payloads encrypted."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from minio.credentials import Credentials
from minio.crypto import decrypt, encrypt
from minio.signer import sign_v4_s3

ADMIN, SECRET, REGION = "root", "root-secret", "eu-north-1"
ADMIN_API = "/minio/admin/v3/"


class _Body:
    """Bytes as the library's ``decrypt`` reads an answer."""

    def __init__(self, data: bytes):
        self._data = data

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def close(self) -> None:
        """Nothing to close."""

    release_conn = close


class Refusal(Exception):
    """Status and error code of an answer."""


class Minio(ThreadingHTTPServer):
    """Buckets (objects by name), policies and users, and ``log``, the requests that changed something."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.buckets: dict[str, list[str]] = {}
        self.stuck: set[str] = set()  # objects that can't be removed
        self.former: dict[str, list[str]] = {}  # by bucket, objects that were deleted, a version of each kept
        self.policies: dict[str, dict] = {}
        self.users: dict[str, dict] = {}
        self.log: list[str] = []

    def secret_of(self, access_key: str) -> str:
        """The secret of a user that may log in."""
        if access_key == ADMIN:
            return SECRET
        user = self.users.get(access_key)
        if user is None or user["status"] != "enabled":
            raise Refusal(403, "InvalidAccessKeyId")
        return user["secret"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Minio

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if self.command not in ("GET", "HEAD"):
            self.server.log.append(f"{self.command} {self.path}")
        try:
            user = self._signed_by()
            if path.startswith(ADMIN_API) and user != ADMIN:
                raise Refusal(403, "AccessDenied")
            answer = self._admin(path.removeprefix(ADMIN_API), body) if path.startswith(ADMIN_API) else self._s3(path, user, body)
            self._send(200 if answer else 204, answer)
        except Refusal as refusal:
            status, code = refusal.args
            if path.startswith(ADMIN_API):
                self._send(status, json.dumps({"Code": code, "Message": "refused"}).encode())
            else:
                self._send(status, f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode(), "application/xml")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _signed_by(self) -> str:
        """Who signed the request, the signature being right."""
        pattern = r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=\w+"
        access_key, region, signed = re.fullmatch(pattern, self.headers["Authorization"]).groups()
        if region != REGION:
            raise Refusal(400, "AuthorizationHeaderMalformed")
        again = sign_v4_s3(
            method=self.command,
            url=urlsplit(f"http://{self.headers['Host']}{self.path}"),
            region=region,
            headers={name: self.headers[name] for name in signed.split(";")},
            credentials=Credentials(access_key, self.server.secret_of(access_key)),
            content_sha256=self.headers["x-amz-content-sha256"],
            date=datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc),  # noqa: UP017
        )
        if again["Authorization"] != self.headers["Authorization"]:
            raise Refusal(403, "SignatureDoesNotMatch")
        return access_key

    def _s3(self, path: str, user: str, body: bytes) -> bytes:
        bucket, buckets = path.strip("/"), self.server.buckets
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if not bucket and user != ADMIN:
            # It may not see one of them.
            raise Refusal(403, "AccessDenied")
        if not bucket:
            return b"<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>"
        if self.command == "PUT":
            buckets[bucket] = []
            return b""
        if bucket not in buckets:
            raise Refusal(404, "NoSuchBucket")
        if self.command == "DELETE":
            if buckets[bucket]:
                raise Refusal(409, "BucketNotEmpty")
            del buckets[bucket]
            return b""
        if self.command == "HEAD":
            return b""
        if "delete" in query:
            keys = re.findall(r"<Key>([^<]*)</Key>", body.decode())
            for held in (buckets, self.server.former):
                held[bucket] = [name for name in held.get(bucket, []) if name not in keys or name in self.server.stuck]
            errors = [
                f"<Error><Code>AccessDenied</Code><Message>held</Message><Key>{k}</Key></Error>"
                for k in keys
                if k in self.server.stuck
            ]
            return f"<DeleteResult>{''.join(errors)}</DeleteResult>".encode()
        former = self.server.former.get(bucket, []) if "versions" in query else []
        names = [name for name in buckets[bucket] + former if name.startswith(query.get("prefix", ""))]
        if "versions" in query:
            item = (
                "<Version><Key>{}</Key><VersionId>null</VersionId><LastModified>2026-11-24T20:00:00.000Z</LastModified>"
                "<ETag>x</ETag><Size>1</Size></Version>"
            )
            return f"<ListVersionsResult><Name>{bucket}</Name>{''.join(map(item.format, names))}</ListVersionsResult>".encode()
        item = (
            "<Contents><Key>{}</Key><LastModified>2026-11-24T20:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size></Contents>"
        )
        return f"<ListBucketResult><Name>{bucket}</Name>{''.join(map(item.format, names))}</ListBucketResult>".encode()

    def _admin(self, command: str, body: bytes) -> bytes:
        query = dict(parse_qsl(urlsplit(self.path).query))
        users, policies = self.server.users, self.server.policies
        name = query.get("accessKey", query.get("name", ""))
        if command == "add-user":
            given = json.loads(decrypt(_Body(body), SECRET))
            users[name] = {"policies": [], **users.get(name, {}), "secret": given["secretKey"], "status": "enabled"}
        elif command == "add-canned-policy":
            policies[name] = json.loads(body)
        elif command in ("info-canned-policy", "remove-canned-policy"):
            if name not in policies:
                raise Refusal(404, "XMinioAdminNoSuchPolicy")
            if command.startswith("info"):
                return json.dumps({"PolicyName": name, "Policy": policies[name], "CreateDate": "2026-11-24T20:00:00Z"}).encode()
            del policies[name]
        elif command.startswith("idp/builtin/policy/"):
            given = json.loads(decrypt(_Body(body), SECRET))
            user = users[given["user"]]
            if command.endswith("/attach"):
                if unknown := set(given["policies"]) - set(policies):
                    raise Refusal(404, f"XMinioAdminNoSuchPolicy {unknown}")
                user["policies"] += given["policies"]
            else:
                user["policies"] = [p for p in user["policies"] if p not in given["policies"]]
            return encrypt(b"{}", SECRET)
        elif name not in users:
            raise Refusal(404, "XMinioAdminNoSuchUser")
        elif command == "user-info":
            shown = {"status": users[name]["status"], "policyName": ",".join(users[name]["policies"])}
            return json.dumps(shown).encode()
        elif command == "set-user-status":
            users[name]["status"] = query["status"]
        elif command == "remove-user":
            del users[name]
        else:
            raise Refusal(404, f"the double does not know {command}")
        return b""

    def _send(self, status: int, data: bytes, kind: str = "application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        """Nothing on the screen."""
