"""Fibers: calls on an event loop that wait without keeping each other, or the loop, waiting."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from catalog.turn import Turn
from catalog.waiting import apart, in_fiber, this_fiber, until_ready
from gateway.threads import Threads

said: ContextVar[str] = ContextVar("said", default="nothing")

Run = Callable[..., Awaitable[Any]]


def run() -> Run:
    """Return what runs a function in a fiber of the running loop."""
    return partial(in_fiber, Threads(4, "test").run, copy_context())


def test_what_is_apart_runs_in_another_thread_in_the_same_context() -> None:
    def call() -> tuple[int, str]:
        said.set("something")
        return apart(lambda: (threading.get_ident(), said.get()))

    async def main() -> None:
        thread, text = await run()(call)
        assert (thread != threading.get_ident(), text) == (True, "something")
        assert said.get() == "nothing"

    asyncio.run(main())


def test_outside_a_fiber_nothing_is_apart() -> None:
    assert this_fiber() is None
    assert apart(threading.get_ident) == threading.get_ident()


def test_what_is_apart_keeps_the_loop_free() -> None:
    async def main() -> None:
        blocked = threading.Event()
        waiting = asyncio.ensure_future(run()(apart, blocked.wait))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        blocked.set()
        assert await waiting

    asyncio.run(main())


def test_an_error_comes_out_where_it_was_waited_for() -> None:
    def fail() -> None:
        raise LookupError("apart")

    def call() -> str:
        with pytest.raises(LookupError, match="apart"):
            apart(fail)
        raise ValueError("after it")

    async def main() -> None:
        with pytest.raises(ValueError, match="after it"):
            await run()(call)

    asyncio.run(main())


def test_a_call_whose_caller_is_cancelled_ends_all_the_same() -> None:
    async def main() -> None:
        go_on, ended = threading.Event(), asyncio.Event()

        def call() -> None:
            apart(go_on.wait)
            apart(time.sleep, 0)
            ended.set()

        caller = asyncio.ensure_future(run()(call))
        await asyncio.sleep(0.05)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(main())


def test_a_socket_is_waited_for_as_long_as_it_is_told() -> None:
    def receive(sock: socket.socket, timeout_s: float) -> bytes:
        fiber = this_fiber()
        assert fiber is not None
        until_ready(fiber, sock, timeout_s)
        return sock.recv(10)

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(TimeoutError):
                await run()(receive, ours, 0.05)
            received = asyncio.ensure_future(run()(receive, ours, 5))
            await asyncio.sleep(0.05)
            theirs.send(b"bytes")
            assert await received == b"bytes"

    asyncio.run(main())


def test_threads_and_fibers_have_a_turn_one_at_a_time() -> None:
    turn, inside, most, done = Turn(), 0, 0, []

    def take(number: int) -> None:
        nonlocal inside, most
        assert turn.acquire(10)
        inside += 1
        most = max(most, inside)
        apart(time.sleep, 0.001)
        inside -= 1
        done.append(number)
        turn.release()

    async def main() -> None:
        threads = [asyncio.to_thread(take, number) for number in range(20)]
        fibers = [run()(take, number) for number in range(20, 40)]
        await asyncio.gather(*threads, *fibers)

    asyncio.run(main())

    assert (most, sorted(done)) == (1, list(range(40)))


def test_who_does_not_get_a_turn_in_time_is_told_so() -> None:
    turn = Turn()
    turn.acquire(0)

    async def main() -> None:
        assert not await run()(turn.acquire, 0.01)
        assert not await asyncio.to_thread(turn.acquire, 0.01)
        turn.release()
        assert await run()(turn.acquire, 0.01)

    asyncio.run(main())
