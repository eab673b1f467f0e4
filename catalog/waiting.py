"""How code waits that does not know who runs it.

Services, providers and the catalog are written as if each call had a thread to itself. On an event
loop a call runs in a `Fiber`: all fibers take turns on the loop's thread, and each gives it up only
where it waits, by one of the functions here. In a thread the same functions simply wait. ADR 26
says why.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
InThread = Callable[..., "asyncio.Future[Any]"]
"""Runs a function with its arguments in a thread, in a context that comes first."""
RunInFiber = Callable[..., Awaitable[Any]]
"""`in_fiber`, with its first argument given."""

provider_wait: ContextVar[Callable[[], AbstractContextManager[None]]] = ContextVar(
    "provider_wait", default=nullcontext
)
"""`with provider_wait.get()():` surrounds what waits in a thread for a provider, for seconds."""


class Fiber(greenlet):
    """A call on an event loop, which `in_fiber` makes."""

    def __init__(self, context: Context, in_thread: InThread, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.gr_context = context
        self.in_thread = in_thread

    def wait(self, future: "asyncio.Future[T]") -> T:
        """Let others run until there is a result; return it, or raise what it is instead."""
        assert self.parent is not None  # noqa: S101 - whoever called `in_fiber`
        result: T = self.parent.switch(future)
        return result


async def in_fiber(
    in_thread: InThread, context: Context, function: Callable[..., T], *args: Any
) -> T:
    """Call the function in a fiber; once begun it ends, also when its caller is cancelled.

    `in_thread` runs what the function hands to `apart`.
    """
    fiber = Fiber(context, in_thread, function)
    result: T = await _go_on(fiber, fiber.switch(*args))
    return result


async def _go_on(fiber: Fiber, result: Any) -> Any:
    """Return what the fiber does in the end; `result` is that, or the future it waits for."""
    while not fiber.dead:
        future: asyncio.Future[Any] = result
        try:
            await asyncio.shield(future)
        except BaseException:
            if not future.done():  # who called is cancelled
                alone = asyncio.ensure_future(_go_on(fiber, future))
                _alone.add(alone)
                alone.add_done_callback(_alone.discard)
                raise
        result = _resume(fiber, future)
    return result


_alone: set["asyncio.Future[Any]"] = set()
"""What goes on for callers that were cancelled: a loop keeps no task from the garbage."""


def _resume(fiber: Fiber, future: "asyncio.Future[Any]") -> Any:
    if future.cancelled():
        return fiber.throw(asyncio.CancelledError())
    error = future.exception()
    return fiber.switch(future.result()) if error is None else fiber.throw(error)


def this_fiber() -> Fiber | None:
    """Return the fiber that runs this; None in a thread without one."""
    current = getcurrent()
    return current if isinstance(current, Fiber) else None


def apart(function: Callable[..., T], *args: Any) -> T:
    """Call a function that blocks, where it keeps nobody waiting but who called it."""
    fiber = this_fiber()
    if fiber is None:
        return function(*args)
    result: T = fiber.wait(fiber.in_thread(copy_context(), function, *args))
    return result


def pause(seconds: float) -> None:
    """Let others run for so long; with none, what can be done at once is done first."""
    fiber = this_fiber()
    if fiber is None:
        time.sleep(seconds)
        return
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, _end, over, None)
    fiber.wait(over)


def until_ready(
    fiber: Fiber, sock: socket.socket, timeout_s: float, *, to_send: bool = False
) -> None:
    """Return when the socket has something to receive, or takes something. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    happened = loop.create_future()
    add, remove = loop.add_reader, loop.remove_reader
    if to_send:
        add, remove = loop.add_writer, loop.remove_writer
    late = loop.call_later(timeout_s, _end, happened, False)  # noqa: FBT003
    add(sock.fileno(), _end, happened, True)  # noqa: FBT003
    try:
        in_time = fiber.wait(happened)
    finally:
        late.cancel()
        remove(sock.fileno())
    if not in_time:
        raise TimeoutError


def _end(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


class Waiter(Protocol):
    """Who waits to be woken, once, by any thread."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait; False when nobody came in time."""

    def wake(self) -> None:
        """End the wait."""


def new_waiter() -> Waiter:
    """Return a waiter for who calls."""
    fiber = this_fiber()
    return _WaitingThread() if fiber is None else _WaitingFiber(fiber)


class _WaitingThread:
    """A thread that waits."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self.wait = self._woken.wait
        self.wake = self._woken.set


class _WaitingFiber:
    """A fiber that waits."""

    def __init__(self, fiber: Fiber) -> None:
        self._fiber = fiber
        self._loop = asyncio.get_running_loop()
        self._woken: asyncio.Future[bool] = self._loop.create_future()

    def wait(self, timeout_s: float | None = None) -> bool:
        if timeout_s is None:
            return self._fiber.wait(self._woken)
        late = self._loop.call_later(timeout_s, _end, self._woken, False)  # noqa: FBT003
        try:
            return self._fiber.wait(self._woken)
        finally:
            late.cancel()

    def wake(self) -> None:
        if _running_loop() is self._loop:
            _end(self._woken, True)  # noqa: FBT003
            return
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(_end, self._woken, True)  # noqa: FBT003


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
