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

from providers.waiting import waiting

MOST = 1024

_Call = Callable[[], None]


class Threads:
    """At most `size` threads that work, and at most `MOST` with those that wait for a provider."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._pending: deque[_Call] = deque()
        self._idle: list[SimpleQueue[_Call]] = []
        self._working = 0
        self._threads = 0

    def run(
        self, context: Context, function: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Call the function in a thread, as soon as one may work."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def call() -> None:
            context.run(waiting.set, self._waiting)
            try:
                answer: Any = (_succeed, future, context.run(function, *args))
            except BaseException as exc:  # noqa: BLE001 - the future has it
                answer = (_fail, future, exc)
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(*answer)

        with self._lock:
            if self._working < self._size:
                self._start(call)
            else:
                self._pending.append(call)
        return future

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Let another thread work while the block waits."""
        with self._lock:
            self._working -= 1
            if self._pending and self._threads < MOST:
                self._start(self._pending.popleft())
        try:
            yield
        finally:
            with self._lock:
                self._working += 1

    def _start(self, call: _Call) -> None:
        """Have a thread run the call, a new one if none is idle. The lock must be held."""
        self._working += 1
        if self._idle:
            self._idle.pop().put(call)
            return
        self._threads += 1
        thread = threading.Thread(
            target=self._work, args=(call,), name=f"{self._name}_{self._threads}", daemon=True
        )
        thread.start()

    def _work(self, call: _Call) -> None:
        calls: SimpleQueue[_Call] = SimpleQueue()
        while True:
            call()
            with self._lock:
                if self._pending and self._working <= self._size:
                    call = self._pending.popleft()
                    continue
                self._working -= 1
                self._idle.append(calls)
            call = calls.get()


def _succeed(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", exc: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(exc)
