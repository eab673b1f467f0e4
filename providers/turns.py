"""Who keeps whom waiting, when bytes go from one side through us to another."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from providers.upstream_errors import UpstreamTimeout


class Turns:
    """Tells how the time since its making was spent."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._waited_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as time in which one side was waited for."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._waited_s += time.monotonic() - began

    @property
    def mostly_waited(self) -> bool:
        """Whether that side is why it took so long."""
        return self._waited_s * 2 > time.monotonic() - self._started


class ClientBody:
    """A body that a client sends through us; one that is not there by the deadline never ends."""

    def __init__(self, chunks: Iterator[bytes], deadline: float) -> None:
        self._chunks = chunks
        self._deadline = deadline
        self._turns = Turns()
        self._ended = False
        if hasattr(chunks, "len"):  # where `requests` looks for a body's length
            self.len: int = chunks.len

    @property
    def is_late(self) -> bool:
        """Whether the client is why the call takes so long."""
        return not self._ended and self._turns.mostly_waited

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._turns.waiting():
                chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                return
            if time.monotonic() > self._deadline:
                raise UpstreamTimeout("The upload did not finish in time.", processed=True)
            yield chunk
