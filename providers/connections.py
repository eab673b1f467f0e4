"""HTTP sessions whose connections wait for the idle time at most, and not past a call's deadline.

The timeouts of `requests` begin anew with each byte: a head, or a chunk's size, may come for ever.
"""

import io
import socket
import time
from contextvars import ContextVar
from functools import partial
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

call_deadline: ContextVar[float] = ContextVar("call_deadline")
"""When the call that this thread is about to send has to end, by `time.monotonic`."""


class Session(requests.Session):
    """Follows no redirect, keeps no cookie, and takes nothing from the environment."""

    def __init__(self, *, connections: int, idle_timeout_s: float) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._adapter = _adapter(connections, idle_timeout_s)
        self.mount("http://", self._adapter)
        self.mount("https://", self._adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return none: to look for the next request, `requests` would read the whole body."""

    def close(self) -> None:
        """Close all connections that are not in use; urllib3 leaves that to the garbage."""
        pools = self._adapter.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118  # it cannot be iterated over
            pools[key].close()
        super().close()


class _Reader(io.RawIOBase):
    """Reads from a socket, with a timeout that shrinks as the deadline comes."""

    def __init__(self, sock: socket.socket, raw: Any, idle_timeout_s: float) -> None:
        self._socket = sock
        self._raw = raw
        self._idle_timeout_s = idle_timeout_s
        self._deadline = call_deadline.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        self._socket.settimeout(min(self._idle_timeout_s, remaining_s))
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer read by a `_Reader`."""

    def __init__(
        self, sock: socket.socket, *args: Any, idle_timeout_s: float, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Reader(sock, raw, idle_timeout_s))


def _adapter(connections: int, idle_timeout_s: float) -> HTTPAdapter:
    """Return an adapter whose sockets wait for the idle timeout also while they send.

    urllib3 leaves the connect timeout on them until it reads.
    """

    def connect(connection: HTTPConnection) -> None:
        type(connection).__mro__[1].connect(connection)  # type: ignore[attr-defined]
        connection.sock.settimeout(idle_timeout_s)

    response = staticmethod(partial(_Response, idle_timeout_s=idle_timeout_s))
    methods = {"connect": connect, "response_class": response}
    adapter = HTTPAdapter(pool_maxsize=connections)
    plain = type("PatientConnection", (HTTPConnection,), methods)
    secure = type("PatientSecureConnection", (HTTPSConnection,), methods)
    adapter.poolmanager.pool_classes_by_scheme = {
        "http": type("PatientPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("PatientSecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    return adapter
