"""A provider that misbehaves, request by request, as its script says."""

import socket
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType
from typing import Self

from tests.upstreams.behaviours import Behaviour, error, relay
from tests.upstreams.call import Call
from tests.upstreams.listener import HOST, Listener
from tests.upstreams.messages import BrokenOff, Malformed, read_head
from tests.upstreams.strict import Strict


@dataclass
class Asked:
    """A request that came, and what was done to it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    behaviour: str


class Broken:
    """A raw server on a port of the loopback interface.

    Each request is met by the next behaviour of the script; after the last one, by `otherwise`: a
    relay to `upstream` when there is one, else 500.
    """

    def __init__(self, upstream: Strict | None = None, *, base_path: str = "/v1") -> None:
        self.base_path = base_path if upstream is None else upstream.base_path
        self.requests: list[Asked] = []
        self.broken_off = 0  # requests that the client did not finish
        self.otherwise = error(500) if upstream is None else relay(upstream)
        self._script: deque[Behaviour] = deque()
        self._lock = threading.Lock()
        self._listener = Listener(self._serve)
        self.address = (HOST, self._listener.port)
        self.origin = f"http://{HOST}:{self._listener.port}"
        self.base_url = self.origin + self.base_path

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self._listener.accepted

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return self._listener.open

    @property
    def unused(self) -> list[str]:
        """The behaviours that nobody met yet."""
        with self._lock:
            return [behaviour.name for behaviour in self._script]

    def script(
        self, behaviours: Iterable[Behaviour], *, otherwise: Behaviour | None = None
    ) -> None:
        """Say how the next requests are met, in place of what was said before."""
        with self._lock:
            self._script = deque(behaviours)
            self.otherwise = otherwise or self.otherwise

    def close(self) -> None:
        """End all connections and threads, also those that stall."""
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            behaviour = self._take_of_connection()
            if behaviour is not None:
                behaviour.act(Call(connection, stream, None))
                return
            try:
                while self._meet(connection, stream):
                    pass
            except (BrokenOff, Malformed):
                self.broken_off += 1

    def _meet(self, connection: socket.socket, stream: BufferedReader) -> bool:
        """Meet a request; return whether another one may follow."""
        head = read_head(stream)
        if head is None:
            return False
        behaviour = self._take()
        call = Call(connection, stream, head)
        if behaviour.at == "request":
            call.read_body()
        headers = {name.lower(): value for name, value in head.headers.items()}
        asked = Asked(head.method, head.target, headers, call.body, behaviour.name)
        self.requests.append(asked)
        behaviour.act(call)
        return head.keeps_alive and not call.ended

    def _take(self) -> Behaviour:
        with self._lock:
            return self._script.popleft() if self._script else self.otherwise

    def _take_of_connection(self) -> Behaviour | None:
        with self._lock:
            meant = self._script and self._script[0].at == "connection"
            return self._script.popleft() if meant else None
