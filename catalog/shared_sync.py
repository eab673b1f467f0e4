"""Waits for the disk once for all who come meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from catalog.turn import Turn
from catalog.waiting import Waiter, apart, new_waiter, pause


class SharedSync:
    """Calls a function that makes durable what was written before it was called.

    While a call is under way, who comes gathers for the next one: the first of them makes it, for
    all. So everybody waits for a call that began after they came, and for no other.
    """

    def __init__(self, sync: Callable[[], None], *, timeout_s: float) -> None:
        self._sync = sync
        self._timeout_s = timeout_s
        self._under_way = Turn()
        self._lock = threading.Lock()
        self._next: _Round | None = None

    def wait(self) -> None:
        """Return when all that was written so far is durable. Raises what the function does."""
        with self._lock:
            first = self._next is None
            joined = self._next = self._next or _Round()
            waiter = None if first else joined.add()
        if waiter is None:
            self._call_for(joined)
            return
        waiter.wait()
        if joined.error is not None:
            raise joined.error

    def _call_for(self, joined: "_Round") -> None:
        try:
            with self._one_at_a_time():
                apart(self._sync)
        except BaseException as exc:
            joined.error = exc
            raise
        finally:
            joined.end()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Wait for the call that is under way; who comes from then on waits for the next one."""
        try:
            pause(0)  # so that who is about to come shares this call
            in_turn = self._under_way.acquire(self._timeout_s)
        finally:
            with self._lock:
                self._next = None
        if not in_turn:
            raise TimeoutError("The disk does not answer.")
        try:
            yield
        finally:
            self._under_way.release()


class _Round:
    """Who shares a call; `error` is what it raised."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._waiters: list[Waiter] = []

    def add(self) -> Waiter:
        waiter = new_waiter()
        self._waiters.append(waiter)
        return waiter

    def end(self) -> None:
        for waiter in self._waiters:
            waiter.wake()
