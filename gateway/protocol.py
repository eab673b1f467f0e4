"""HTTP as uvicorn reads it, within limits of ours on what a client may make a connection wait for.

uvicorn bounds neither the size of a request's head nor the time it takes, and waits for ever for a
client that takes no answer. ADR 0010 says what the limits are for.
"""

import secrets
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.security import SECURITY_HEADERS
from providers.errors import BerthError, InvalidRequest

MAX_TARGET_BYTES = 16 * 1024
MAX_HEADERS = 128
MAX_HEAD_BYTES = 64 * 1024
MAX_DRAINED_BYTES = 16 * 1024**2
MAX_LINGERING_BYTES = 1024**2
MAX_PIPELINED = 128
LINGER_S = 1.0


class HeadTooLarge(BerthError):
    """The headers, or the trailers, are more than a request may have."""

    status = 431
    code = "headers_too_large"


class TargetTooLong(BerthError):
    """The request line is longer than it may be."""

    status = 414
    code = "uri_too_long"


class Deadline:
    """A time by which something must have happened, or `missed` is called."""

    def __init__(self, loop: AbstractEventLoop, seconds: float, missed: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._missed = missed
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Set it, unless it is set already."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._missed)

    def stop(self) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state = self.app_state
        self._head_deadline = Deadline(self.loop, state["head_timeout_s"], self._give_up)
        self._write_deadline = Deadline(self.loop, state["idle_timeout_s"], self._give_up)
        self._fruitless_bytes = 0  # received since a head was complete or a body went on
        self._head_bytes = 0
        self._drained_bytes = 0
        self._error: BerthError | None = None
        self._refused = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_deadline.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all deadlines."""
        self._head_deadline.stop()
        self._write_deadline.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; what a refused client still sends is dropped."""
        if self._refused:
            self._drained_bytes += len(data)
            if self._drained_bytes > MAX_LINGERING_BYTES:
                self.transport.abort()
            return
        self._fruitless_bytes += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._fruitless_bytes > MAX_HEAD_BYTES:
            self._refuse(_too_large())
        elif self._drained_bytes > MAX_DRAINED_BYTES:
            self.transport.abort()
        elif self._waits_for_client():
            self._head_deadline.start()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_bytes = self._drained_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._fail(TargetTooLong(f"The URL is longer than {MAX_TARGET_BYTES} bytes."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or a trailer."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            self._fail(_too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to serve the request."""
        self._fruitless_bytes = 0
        self._head_deadline.stop()
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; count it when the request is answered already."""
        self._fruitless_bytes = 0
        if self.cycle.response_complete:
            self._drained_bytes += len(body)
        if not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment] # bytes are added to it without a copy
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; what it was too late to read no longer counts."""
        self._drained_bytes = 0
        self._head_deadline.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Serve the next request, or end a connection whose client takes the rest in time."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._write_deadline.start()

    def pause_writing(self) -> None:
        """Wait for a client that takes its answer slowly, but not for ever."""
        super().pause_writing()
        self._write_deadline.start()

    def resume_writing(self) -> None:
        """Go on: the client took some tens of kilobytes."""
        self._write_deadline.stop()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that nobody uses."""
        self._give_up()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn decides it
        """Refuse what could not be parsed, or what a callback here found to be too much."""
        error = InvalidRequest("The request is not valid HTTP/1.1.", code="invalid_http")
        self._refuse(self._error or error)

    def _fail(self, error: BerthError) -> None:
        """Make the parser stop; it calls `send_400_response` then."""
        self._error = error
        raise ValueError(error)

    def _refuse(self, error: BerthError) -> None:
        """Answer in the one envelope, and close when the client had time to read that."""
        self._refused, self._drained_bytes = True, 0
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_refusal(error))
        if self.transport.can_write_eof() and (cycle is None or cycle.response_complete):
            self.transport.write_eof()
            self.loop.call_later(LINGER_S, self.transport.abort)
        else:
            self.transport.close()

    def _waits_for_client(self) -> bool:
        """Tell whether a head is to come, or the rest of a body that nobody reads any more."""
        return self.cycle is None or self.cycle.response_complete

    def _give_up(self) -> None:
        """Close the connection, at once if its client does not take what is left to send."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The request has more than {MAX_HEADERS} headers, or {MAX_HEAD_BYTES} bytes of them."
    )


def _refusal(error: BerthError) -> bytes:
    body = orjson.dumps(error.body(None))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-should-retry", b"false"),
        (b"x-request-id", f"req_{secrets.token_hex(16)}".encode()),
        (b"cache-control", b"no-store"),
        *SECURITY_HEADERS,
    ]
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n".encode()
    return status + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body
