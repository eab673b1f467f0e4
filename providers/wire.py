"""HTTP/1.1 as a provider and we speak it: requests are written here, and answers read.

`http.client` parses headers as those of an e-mail, with a parser that costs more than all else in a
small call. This does what it does for every answer that is HTTP, and refuses the others.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead, UnknownProtocol
from socket import socket
from typing import IO

from providers.sockets import Reader, send_all

MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 100
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_NOT_IN_A_LINE = re.compile(r"[\x00\r\n]")

Body = bytes | Iterable[bytes] | None


class Response(HTTPResponse):
    """An answer. When all of it is read, or nobody wants more, `on_end` is called.

    It is told whether the connection can be used for another call: not when the provider closes it,
    or has not taken all of the request, so that this `may_be_last`.
    """

    def __init__(self, sock: socket, *, method: str | None = None, idle_timeout_s: float) -> None:
        super().__init__(Reader(sock, idle_timeout_s), method=method)  # type: ignore[arg-type]
        self.on_end: Callable[[bool], None] | None = None
        self.may_be_last = False
        self._given_up = False

    def begin(self) -> None:
        """Read the head. Raises HTTPException when it is none."""
        if self.headers is not None:
            return
        status: int = HTTPStatus.CONTINUE
        while status == HTTPStatus.CONTINUE:
            version, status, reason = self._read_status()
            headers = _headers(self.fp)
        if not version.startswith("HTTP/"):
            raise UnknownProtocol(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version in {"HTTP/1.0", "HTTP/0.9"} else 11
        self.headers = self.msg = headers
        self.chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = self._length()
        ends = not self.chunked and self.length is None
        self.will_close = self.may_be_last or ends or self._check_close()

    def read1(self, n: int = -1) -> bytes:
        """Return up to `n` bytes of the body as soon as there are any; none at its end.

        Raises HTTPException when it breaks off.
        """
        if self.chunked or self.fp is None:
            return super().read1(n)
        wanted = n if self.length is None else min(n, self.length)
        data = self.fp.read1(wanted) if wanted else b""
        if self.length is not None:
            if len(data) < min(wanted, 1):
                raise IncompleteRead(b"", self.length)
            self.length -= len(data)
        if not data or self.length == 0:
            self._close_conn()
        return data

    def close(self) -> None:
        """Give up on what is not read yet."""
        self._given_up = self.fp is not None
        super().close()

    def _close_conn(self) -> None:
        super()._close_conn()  # type: ignore[misc]
        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end(not self.will_close and not self._given_up)

    def _length(self) -> int | None:
        """Return how long the body is; None when its chunks, or the connection's end, tell.

        Raises HTTPException for an answer that contradicts itself.
        """
        told = ",".join(self.headers.get_all("Content-Length", []))
        lengths = {length.strip() for length in told.split(",")}
        if len(lengths) > 1:
            raise HTTPException("The answer has two lengths.")
        if self.status in _BODILESS or self.status < 200 or self._method == "HEAD":  # type: ignore[attr-defined]
            return 0
        (length,) = lengths
        return int(length) if length.isdecimal() and not self.chunked else None


class TookNoMore(Exception):
    """The provider closed the connection before it had the whole request: it may have answered."""


def head_of(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return a request's head. Raises ValueError for what would end a line in it."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_NOT_IN_A_LINE.search, lines)):
        raise ValueError("A line of the request's head has a line end in it.")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def send_request(sock: socket, head: bytes, body: Body, idle_timeout_s: float) -> None:
    """Send a request. Raises TookNoMore, OSError, and what iterating over the body does.

    A body that comes in pieces is sent as chunks unless it has a length, `len`.
    """

    def send(data: bytes) -> None:
        try:
            send_all(sock, data, idle_timeout_s)
        except (BrokenPipeError, ConnectionResetError) as exc:
            raise TookNoMore from exc

    if body is None or isinstance(body, bytes):
        send(head + (body or b""))
        return
    send(head)
    in_chunks = not hasattr(body, "len")
    for piece in body:
        if piece:
            send(b"%x\r\n%b\r\n" % (len(piece), piece) if in_chunks else piece)
    if in_chunks:
        send(b"0\r\n\r\n")


def _headers(head: IO[bytes]) -> HTTPMessage:
    """Read header lines, up to the empty one."""
    headers: list[tuple[str, str]] = []
    while (line := head.readline(MAX_LINE_BYTES + 1)) not in {b"\r\n", b"\n", b""}:
        text = line.decode("latin-1")
        if text[0] in " \t" and headers:  # it goes on with the one before (RFC 9112, 5.2)
            name, value = headers.pop()
            headers.append((name, f"{value} {text.strip()}"))
            continue
        name, colon, value = text.partition(":")
        if not colon or not name or name != name.strip() or len(line) > MAX_LINE_BYTES:
            raise HTTPException("A line of the answer's head is no header.")
        headers.append((name, value.strip()))
        if len(headers) > MAX_HEADERS:
            raise HTTPException(f"The answer has more than {MAX_HEADERS} headers.")
    message = HTTPMessage()
    for name, value in headers:
        message[name] = value
    return message
