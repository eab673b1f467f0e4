"""HTTP sessions whose connections wait for the idle time at most, and not past a call's deadline.

The timeouts of `requests` begin anew with each byte: a head, or a chunk's size, may come for ever.
In a fiber nothing here blocks: a connection is made apart, and its socket is asked for what it has,
or takes, until the event loop says that there is more.
"""

import io
import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from http.client import HTTPException
from ssl import SSLError, SSLWantReadError, SSLWantWriteError
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProxyError

from catalog.waiting import apart, provider_wait, ready, this_fiber
from providers.heads import Response

call_deadline: ContextVar[float] = ContextVar("call_deadline")
"""When the call that this thread is about to send has to end, by `time.monotonic`."""


class Session(requests.Session):
    """Sends one request a `call`, and takes nothing from the environment.

    `proxy` is the URL of an HTTP proxy, with its credentials if it wants any.
    """

    def __init__(self, *, connections: int, idle_timeout_s: float, proxy: str | None) -> None:
        super().__init__()
        self._adapter = HTTPAdapter(pool_maxsize=connections)
        self._managers: list[PoolManager] = [self._adapter.poolmanager]
        if proxy is not None:
            self.proxies = {"http": proxy, "https": proxy}
            self._managers.append(self._adapter.proxy_manager_for(proxy))
        for manager in self._managers:
            manager.pool_classes_by_scheme = _patient_pools(idle_timeout_s)

    def call(
        self, method: str, url: str, *, timeout: tuple[float, float], **request: Any
    ) -> requests.Response:
        """Send a request and return its answer, its body unread.

        `request` is what `requests` takes: `params`, `json`, `data`, `headers`. What its own
        `request` asks for each call is known here: there are no cookies, hooks or redirects, and
        all settings are this session's. That was half of what a small call cost.
        """
        prepared = requests.PreparedRequest()
        prepared.method = method
        params = request.get("params")
        prepared.url = f"{url}?{urlencode(params)}" if params else url
        prepared.headers = CaseInsensitiveDict({**self.headers, **request.get("headers", {})})
        prepared.prepare_body(request.get("data"), None, request.get("json"))
        return self._adapter.send(
            prepared, stream=True, timeout=timeout, verify=self.verify or True, proxies=self.proxies
        )

    def close(self) -> None:
        """Close all connections that are not in use; urllib3 leaves that to the garbage."""
        for manager in self._managers:
            for key in manager.pools.keys():  # noqa: SIM118  # it cannot be iterated over
                manager.pools[key].close()
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
        fiber = this_fiber()
        if fiber is None:
            self._socket.settimeout(self._patience_s())
            received: int | None = self._raw.readinto(buffer)
            return received
        self._socket.settimeout(0)
        while (received := _unless_it_blocks(self._raw.readinto, buffer)) is None:
            fiber.wait(ready(self._socket, self._patience_s()))
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _patience_s(self) -> float:
        """Return how long to wait. Raises TimeoutError when the deadline has passed."""
        remaining_s = self._deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        return min(self._idle_timeout_s, remaining_s)


def _send_all(sock: socket.socket, data: Any, idle_timeout_s: float) -> None:
    """Send bytes. Raises TimeoutError when none are taken for the idle time."""
    fiber = this_fiber()
    if fiber is None:
        sock.settimeout(idle_timeout_s)
        sock.sendall(data)
        return
    sock.settimeout(0)
    with memoryview(data).cast("B") as view:
        sent = 0
        while sent < len(view):
            taken = _unless_it_blocks(sock.send, view[sent:])
            if taken is None:
                fiber.wait(ready(sock, idle_timeout_s, to_send=True))
            sent += taken or 0


def _unless_it_blocks(call: Callable[[Any], int | None], data: Any) -> int | None:
    """Return what the call returns; None when the socket is not ready for it.

    TLS may have to receive before it can send, but not once it is established, by version 1.3.
    """
    try:
        return call(data)
    except (BlockingIOError, SSLWantReadError, SSLWantWriteError):
        return None


class _Response(Response):
    """An answer read by a `_Reader`."""

    def __init__(
        self, sock: socket.socket, *args: Any, idle_timeout_s: float, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Reader(sock, raw, idle_timeout_s))


def _patient_pools(idle_timeout_s: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose sockets wait for the idle timeout also while they send.

    urllib3 leaves the connect timeout on them until it reads. Of a proxy's tunnel that does not
    come about, it does not tell that nothing was sent yet.
    """

    def connect(connection: HTTPConnection) -> None:
        try:
            apart(connect_in_time, connection)
        except (OSError, HTTPException) as exc:
            if connection.proxy is None or isinstance(exc, SSLError):
                raise
            raise ProxyError("There is no tunnel.", exc) from exc

    def connect_in_time(connection: HTTPConnection) -> None:
        with provider_wait.get()():
            type(connection).__mro__[1].connect(connection)  # type: ignore[attr-defined]

    def send(connection: HTTPConnection, data: Any) -> None:
        if connection.sock is None:
            connection.connect()
        _send_all(connection.sock, data, idle_timeout_s)

    response = staticmethod(partial(_Response, idle_timeout_s=idle_timeout_s))
    methods = {"connect": connect, "send": send, "response_class": response}
    plain = type("PatientConnection", (HTTPConnection,), methods)
    secure = type("PatientSecureConnection", (HTTPSConnection,), methods)
    return {
        "http": type("PatientPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("PatientSecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
