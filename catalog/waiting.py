"""How code waits that does not know who runs it.

Services, providers and the catalog are written as if each call had a thread to itself. On an event
loop a call runs in a `Fiber`: all fibers take turns on the loop's thread, and each gives it up only
where it waits, by one of the functions here. In a thread the same functions simply wait. ADR 26
says why.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")
InThread = Callable[..., Awaitable[Any]]
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

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Let others run until there is a result; return it, or raise what it raises."""
        assert self.parent is not None  # noqa: S101 - whoever called `in_fiber`
        result: T = self.parent.switch(awaitable)
        return result


async def in_fiber(
    in_thread: InThread, context: Context, function: Callable[..., T], *args: Any
) -> T:
    """Call the function in a fiber; once begun it ends, also when its caller is cancelled.

    `in_thread` runs what the function hands to `apart`.
    """
    fiber = Fiber(context, in_thread, function)
    result = fiber.switch(*args)
    if fiber.dead:
        ended: T = result
        return ended
    return await asyncio.shield(asyncio.ensure_future(_go_on(fiber, result)))


async def _go_on(fiber: Fiber, awaited: Any) -> Any:
    while not fiber.dead:
        try:
            result = await awaited
        except BaseException as exc:  # noqa: BLE001 - the fiber has it
            awaited = fiber.throw(exc)
        else:
            awaited = fiber.switch(result)
    return awaited


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


async def ready(sock: socket.socket, timeout_s: float, *, to_send: bool = False) -> None:
    """Return when the socket has something to receive, or takes something. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    happened = loop.create_future()
    add, remove = loop.add_reader, loop.remove_reader
    if to_send:
        add, remove = loop.add_writer, loop.remove_writer
    late = loop.call_later(timeout_s, _fail, happened)
    add(sock.fileno(), _succeed, happened)
    try:
        await happened
    finally:
        late.cancel()
        remove(sock.fileno())


def _succeed(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())


class Waiter(Protocol):
    """Who waits to be woken, once, by any thread."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait; False when nobody came in time."""

    def wake(self) -> None:
        """End the wait."""


def new_waiter() -> Waiter:
    """Return a waiter for who calls."""
    fiber = this_fiber()
    return _Thread() if fiber is None else _Waiting(fiber)


class _Thread:
    """A thread that waits."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self.wait = self._woken.wait
        self.wake = self._woken.set


class _Waiting:
    """A fiber that waits."""

    def __init__(self, fiber: Fiber) -> None:
        self._fiber = fiber
        self._loop = asyncio.get_running_loop()
        self._woken = self._loop.create_future()

    def wait(self, timeout_s: float | None = None) -> bool:
        late = None if timeout_s is None else self._loop.call_later(timeout_s, self._end, False)
        woken = self._fiber.wait(self._woken)
        if late is not None:
            late.cancel()
        return woken

    def wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._end, True)

    def _end(self, woken: bool) -> None:
        if not self._woken.done():
            self._woken.set_result(woken)
