"""Reads the head of an answer.

`http.client` parses headers as those of an e-mail, with a parser that costs more than all else in a
small call. This does what it does for every answer that is HTTP, and refuses the others.
"""

from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, UnknownProtocol
from typing import IO

MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 100
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Response(HTTPResponse):
    """An answer whose head is read here; its body is read as ever."""

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
        self.will_close = ends or self._check_close()

    def _length(self) -> int | None:
        """Return how long the body is; None when its chunks, or the connection's end, tell."""
        if self.status in _BODILESS or self.status < 200 or self._method == "HEAD":  # type: ignore[attr-defined]
            return 0
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and not self.chunked else None


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
