"""Requests read from a connection, and answers made for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, parse_headers
from io import BufferedIOBase, BytesIO

MAX_LINE_BYTES = 65536
PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Malformed(Exception):
    """What came is not HTTP/1.1."""


class BrokenOff(Exception):
    """The client went away within a request."""


@dataclass
class Head:
    """A request line and the headers."""

    method: str
    target: str
    headers: HTTPMessage

    @property
    def path(self) -> str:
        """The path as it came, escapes and all."""
        return self.target.partition("?")[0]

    @property
    def chunked(self) -> bool:
        """Whether the body's length is not told."""
        return "Transfer-Encoding" in self.headers

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants the connection to stay."""
        return str(self.headers.get("Connection", "")).lower() != "close"


@dataclass
class Answer:
    """An answer; `chunked` leaves its length to be found out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False

    def encode(self) -> bytes:
        """Return it as it goes over the wire."""
        framing = (
            {"Transfer-Encoding": "chunked"}
            if self.chunked
            else {"Content-Length": str(len(self.body))}
        )
        return encode_head(self.status, {**framing, **self.headers}) + (
            _in_chunks(self.body) if self.chunked else self.body
        )


def encode_head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return a status line and headers."""
    first = f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}"
    lines = [first, *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def read_head(stream: BufferedIOBase) -> Head | None:
    """Read up to the blank line; None when the client is done. Raises Malformed and BrokenOff."""
    try:
        line = stream.readline(MAX_LINE_BYTES)
    except ConnectionError:
        line = b""
    if not line:
        return None
    lines = [_line(stream)]
    while lines[-1] != b"\r\n":
        lines.append(_line(stream))
    try:
        method, target, version = line.decode("latin-1").removesuffix("\r\n").split(" ")
        headers = parse_headers(BytesIO(b"".join(lines)))
    except (ValueError, HTTPException) as exc:
        raise Malformed(f"The request line or a header is wrong: {line!r}") from exc
    if version != "HTTP/1.1" and method != "CONNECT":  # Python asks proxies in HTTP/1.0
        raise Malformed(f"The version is {version!r}.")
    return Head(method, target, headers)


def read_body(stream: BufferedIOBase, head: Head) -> tuple[bytes, bytes]:
    """Return the body, and the bytes in which it came. Raises Malformed and BrokenOff."""
    lengths = head.headers.get_all("Content-Length", [])
    if head.chunked:
        if lengths or head.headers["Transfer-Encoding"].lower() != "chunked":
            raise Malformed("The framing of the body is ambiguous.")
        return _read_chunks(stream)
    if len(lengths) > 1 or not all(length.isdecimal() for length in lengths):
        raise Malformed(f"The content length is {lengths}.")
    body = _read(stream, int(lengths[0])) if lengths else b""
    return body, body


def _read_chunks(stream: BufferedIOBase) -> tuple[bytes, bytes]:
    body, raw = bytearray(), bytearray()
    while True:
        line = _line(stream)
        size = _chunk_size(line)
        raw += line
        if size == 0:
            break
        chunk = _read(stream, size + 2)
        if not chunk.endswith(b"\r\n"):
            raise Malformed("A chunk is longer than it says.")
        body += chunk[:-2]
        raw += chunk
    while line != b"\r\n":  # the trailers, and the blank line after them
        line = _line(stream)
        raw += line
    return bytes(body), bytes(raw)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.removesuffix(b"\r\n"), 16)
    except ValueError as exc:
        raise Malformed(f"The size of a chunk is {line!r}.") from exc


def _line(stream: BufferedIOBase) -> bytes:
    try:
        line = stream.readline(MAX_LINE_BYTES)
    except ConnectionError as exc:
        raise BrokenOff from exc
    if not line.endswith(b"\r\n"):
        raise BrokenOff
    return line


def _read(stream: BufferedIOBase, size: int) -> bytes:
    try:
        data = stream.read(size)
    except ConnectionError as exc:
        raise BrokenOff from exc
    if len(data) < size:
        raise BrokenOff
    return data


def _in_chunks(body: bytes, size: int = 65536) -> bytes:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
