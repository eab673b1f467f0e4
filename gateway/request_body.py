"""A request's body, read by a fiber or a thread while the event loop receives it."""

import asyncio
import threading
from collections import deque

from starlette.types import Receive

from catalog.waiting import Waiter, new_waiter
from providers.errors import InvalidRequest

READ_BYTES = 64 * 1024
HELD_BYTES = 1024 * 1024


class RequestBody:
    """The WSGI input: a `read` that waits, over the ASGI server's `receive`.

    Once somebody reads, the loop fetches what the client sends, up to `HELD_BYTES` ahead, so that a
    reader that is busy with one piece finds all that came meanwhile in one other.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._reader: Waiter | None = None
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._ended = False
        self._error: Exception | None = None
        self._room = asyncio.Event()
        self._fetching: asyncio.Task[None] | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes as soon as there are any; all of them when it is negative.

        Raises InvalidRequest when the client went away before the end, and ClientStalled.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(READ_BYTES), b""))
        with self._lock:
            waiter = None if self._held or self._ended else new_waiter()
            self._reader = waiter
        if waiter is not None:
            self._loop.call_soon_threadsafe(self._go_on)
            waiter.wait()
        with self._lock:
            full = self._held_bytes >= HELD_BYTES
            data = self._take(size)
        if full:
            self._loop.call_soon_threadsafe(self._go_on)
        if not data and self._error is not None:
            raise self._error
        return data

    def close(self) -> None:
        """Fetch nothing more. Only the loop may call it."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _take(self, size: int) -> bytes:
        taken: list[bytes] = []
        while self._held and (len(self._held[0]) <= size or not taken):
            chunk = self._held.popleft()
            if len(chunk) > size:
                self._held.appendleft(chunk[size:])
                chunk = chunk[:size]
            taken.append(chunk)
            size -= len(chunk)
        data = b"".join(taken)
        self._held_bytes -= len(data)
        return data

    def _go_on(self) -> None:
        """Let the loop fetch, as there is room."""
        self._room.set()
        if self._fetching is None:
            self._fetching = self._loop.create_task(self._fetch())

    async def _fetch(self) -> None:
        error: Exception | None = _gone()
        try:
            while (message := await self._receive())["type"] != "http.disconnect":
                if not message.get("more_body", False):
                    error = None
                self._hold(message.get("body", b""))
                if error is None:
                    return
                if self._held_bytes >= HELD_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except Exception as exc:  # noqa: BLE001 - the reader raises it
            error = exc
        finally:
            with self._lock:
                self._ended, self._error = True, error
                self._wake_reader()

    def _hold(self, chunk: bytes) -> None:
        if chunk:
            with self._lock:
                self._held.append(chunk)
                self._held_bytes += len(chunk)
                self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.wake()
            self._reader = None


def _gone() -> InvalidRequest:
    return InvalidRequest("The client went away before the end of its body.")
