"""As much of a websocket's client as tests need: the handshake, and texts."""

import base64
import json
import os
import socket


class Refused(Exception):
    """The answer to a handshake that is none; its first argument is the status."""


def open_websocket(connection: socket.socket, host: str, path: str, protocol: str, **headers: str) -> None:
    """Shake hands on a connection."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", f"Sec-WebSocket-Protocol: {protocol}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(1)
        if not part:
            break
        answer += part
    status = int(answer.split()[1])
    if status != 101:
        raise Refused(status)


def send(connection: socket.socket, message: dict) -> None:
    """One text, of less than 64 KiB, masked as a client has to."""
    text, mask = json.dumps(message).encode(), os.urandom(4)
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    connection.sendall(b"\x81" + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text)))


def receive(connection: socket.socket) -> dict:
    """The next text."""

    def read(number: int) -> bytes:
        found = b""
        while len(found) < number:
            part = connection.recv(number - len(found))
            if not part:
                raise EOFError
            found += part
        return found

    while True:
        kind, length = read(2)
        if length >= 126:
            length = int.from_bytes(read(2 if length == 126 else 8), "big")
        text = read(length)
        if kind & 15 == 1:
            return json.loads(text)
        if kind & 15 == 8:
            raise EOFError
