"""Speaks HTTP/1.1 byte by byte."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.content)


class Wire:
    """One connection to a server; use it in a `with` block."""

    def __init__(self, url: str, *, receive_buffer: int | None = None) -> None:
        address = urlsplit(url)
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT_S)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((address.hostname, address.port))

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.socket.sendall(data)
        return self

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer to its end."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        content = response.read()
        headers = CaseInsensitiveDict(response.headers.items())
        return Answer(response.status, headers, content)

    def closed(self) -> bool:
        """Wait for the server's next bytes, and tell whether it closed the connection instead."""
        return self.socket.recv(1) == b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.socket.close()


def head(method: str, target: str | bytes, *headers: str | bytes) -> bytes:
    """Return a request line and headers, text being Latin-1, as they are: nothing is added."""
    first = b" ".join([method.encode(), _bytes(target), b"HTTP/1.1"])
    return b"\r\n".join([first, b"Host: test", *map(_bytes, headers), b"", b""])


def message(method: str, target: str | bytes, *headers: str | bytes, body: bytes = b"") -> bytes:
    """Return a whole request whose body has a length."""
    return head(method, target, *headers, f"Content-Length: {len(body)}") + body


def chunked(method: str, target: str | bytes, *headers: str | bytes, body: bytes = b"") -> bytes:
    """Return a whole request whose body, longer than a few bytes, comes in two chunks."""
    pieces = [body[:7], body[7:], b""]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head(method, target, *headers, "Transfer-Encoding: chunked") + chunks


def exchange(url: str, request: bytes) -> Answer:
    """Send a request on a connection of its own and return the answer."""
    with Wire(url) as wire:
        return wire.send(request).answer(request.split(b" ", 1)[0].decode("latin-1"))


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
