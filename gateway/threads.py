"""Threads that run calls for an event loop.

Unlike in a `ThreadPoolExecutor`, a thread that waits for a provider does not count among those that
work, the one that worked last works next, and its result reaches the loop without a second future.
ADR 19 says why.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from queue import SimpleQueue
from typing import Any

from catalog.waiting import provider_wait

MOST = 1024

_Call = Callable[[], None]


class Threads:
    """At most `size` threads that are busy; with those that wait for a provider at most `MOST`."""

    def __init__(self, size: int, name: str) -> None:
        self._most_busy = size
        self._name = name
        self._lock = threading.Lock()
        self._pending: deque[_Call] = deque()
        self._idle: list[SimpleQueue[_Call]] = []
        self._busy = 0
        self._threads = 0

    def run(
        self, context: Context, function: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Call the function in a thread, as soon as one may run."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def call() -> None:
            context.run(provider_wait.set, self._stepping_aside)
            try:
                answer: Any = (_succeed, future, context.run(function, *args))
            except BaseException as exc:  # noqa: BLE001 - the future has it
                answer = (_fail, future, exc)
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(*answer)

        with self._lock:
            self._pending.append(call)
            self._start_pending()
        return future

    @contextmanager
    def _stepping_aside(self) -> Iterator[None]:
        """Let another thread work while the block waits."""
        with self._lock:
            self._busy -= 1
            self._start_pending()
        try:
            yield
        finally:
            with self._lock:
                self._busy += 1

    def _start_pending(self) -> None:
        """Start a call if one is pending and may run. The lock must be held."""
        if not self._may_start():
            return
        self._busy += 1
        call = self._pending.popleft()
        if self._idle:
            self._idle.pop().put(call)
            return
        self._threads += 1
        name = f"{self._name}_{self._threads}"
        threading.Thread(target=self._work, args=(call,), name=name, daemon=True).start()

    def _may_start(self) -> bool:
        return (
            bool(self._pending)
            and self._busy < self._most_busy
            and (bool(self._idle) or self._threads < MOST)
        )

    def _work(self, call: _Call) -> None:
        """Run the call, then others: those that are pending, else those that are handed over."""
        calls: SimpleQueue[_Call] = SimpleQueue()
        calls.put(call)
        while True:
            calls.get()()
            with self._lock:
                self._busy -= 1
                self._idle.append(calls)
                self._start_pending()


def _succeed(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", exc: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(exc)
