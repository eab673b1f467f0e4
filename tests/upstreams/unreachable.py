"""Addresses of the loopback interface at which nobody answers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.upstreams.listener import HOST


@contextmanager
def refusing() -> Iterator[str]:
    """Yield the origin of a port that refuses connections, and that nobody else can get."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield f"http://{HOST}:{bound.getsockname()[1]}"


@contextmanager
def unresponsive() -> Iterator[str]:
    """Yield the origin of a port on which connecting takes for ever: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        address = listening.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(address)
        yield f"http://{HOST}:{address[1]}"
