"""Sends and receives on a socket: in a thread by waiting, in a fiber without blocking the loop."""

import io
import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from ssl import SSLWantReadError, SSLWantWriteError
from typing import Any

from catalog.waiting import apart, this_fiber, until_ready

call_deadline: ContextVar[float] = ContextVar("call_deadline")
"""When the call that is about to be sent has to end, by `time.monotonic`."""


class Reader(io.RawIOBase):
    """What a socket receives, waited for as long as the idle time, and not past the deadline."""

    def __init__(self, sock: socket.socket, idle_timeout_s: float) -> None:
        self._socket = sock
        self._idle_timeout_s = idle_timeout_s
        self._deadline = call_deadline.get()

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as `http.client` wants what a socket receives."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive some bytes; none at the end. Raises TimeoutError."""
        fiber = this_fiber()
        if fiber is None or not _can_try(self._socket):
            return apart(self._receive, buffer)
        self._socket.settimeout(0)
        while (received := _unless_it_blocks(self._socket.recv_into, buffer)) is None:
            until_ready(fiber, self._socket, self._patience_s())
        return received

    def _receive(self, buffer: Any) -> int:
        self._socket.settimeout(self._patience_s())
        return self._socket.recv_into(buffer)

    def _patience_s(self) -> float:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        return min(self._idle_timeout_s, remaining_s)


def send_all(sock: socket.socket, data: bytes, idle_timeout_s: float) -> None:
    """Send the bytes. Raises TimeoutError when none are taken for the idle time."""
    fiber = this_fiber()
    if fiber is None or not _can_try(sock):
        sock.settimeout(idle_timeout_s)
        apart(sock.sendall, data)
        return
    sock.settimeout(0)
    view = memoryview(data)
    while view:
        sent = _unless_it_blocks(sock.send, view)
        if sent is None:
            until_ready(fiber, sock, idle_timeout_s, to_send=True)
        view = view[sent or 0 :]


def _can_try(sock: object) -> bool:
    """Tell whether it can be tried without blocking: not TLS inside the TLS of a proxy."""
    return isinstance(sock, socket.socket)


def _unless_it_blocks(call: Callable[[Any], int], data: Any) -> int | None:
    """Return what the call returns; None when the socket is not ready for it.

    TLS that has to receive before it can send would wait for the wrong thing, but version 1.3 does
    not, and 1.2 only when a provider begins anew in the middle, which OpenSSL refuses.
    """
    try:
        return call(data)
    except (BlockingIOError, SSLWantReadError, SSLWantWriteError):
        return None
