"""Pooled connections to one provider, whose calls do no more than they need.

What connects is `requests` and the `urllib3` under it: they know proxies, certificates and TLS. A
call on a connection that is open is written and read by `providers/wire.py`: what both do for each
call anew, for cookies, redirects, hooks and settings that are known here, took most of its time.
In a fiber nothing here blocks: a connection is made apart.
"""

from functools import cached_property, partial
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from catalog.waiting import apart, provider_wait
from providers.failures import broken, not_connected, not_taken
from providers.wire import Body, Response, TookNoMore, head_of, send_request

Connection = HTTPConnection | HTTPSConnection
Headers = dict[str, str]


class Session:
    """Sends one request a `call`, and takes nothing from the environment.

    `proxy` is the URL of an HTTP proxy, with its credentials if it wants any; `ca_bundle` a file of
    the certificates to trust instead of the usual ones.
    """

    def __init__(
        self,
        base_url: str,
        headers: Headers,
        *,
        connections: int,
        idle_timeout_s: float,
        proxy: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._base_url = base_url
        self._base_path = parts.path
        self._headers = {"Host": parts.netloc.rpartition("@")[2], **headers}
        self._idle_timeout_s = idle_timeout_s
        self._new_response = partial(Response, idle_timeout_s=idle_timeout_s)
        self._adapter = HTTPAdapter(pool_maxsize=connections)
        self._proxies = {} if proxy is None else {parts.scheme: proxy}
        self._verify = ca_bundle or True
        self._tunnels = parts.scheme == "https" and proxy is not None
        self._forwards = parts.scheme == "http" and proxy is not None

    def call(self, method: str, path: str, connect_timeout_s: float, **request: Any) -> Response:
        """Send a request and return its answer, its body unread.

        `request` is what `requests` takes: `params`, `json`, `data`, `headers`. Raises
        UpstreamError, and what iterating over `data` does.
        """
        headers = {**self._headers, **request.get("headers", {})}
        body = _body(method, request, headers)
        target = self._base_path + path
        if params := request.get("params"):
            target += f"?{urlencode(params)}"
        if self._forwards:
            target = f"http://{headers['Host']}{target}"
            headers |= self._pool.proxy_headers
        head = head_of(method, target, headers)
        connection = self._connected(connect_timeout_s)
        try:
            response = self._exchange(connection, method, head, body)
        except BaseException:
            connection.close()
            raise
        response.on_end = partial(self._take_back, connection)
        return response

    def close(self) -> None:
        """Close all connections that are not in use."""
        if "_pool" in self.__dict__:
            self._pool.close()

    def _exchange(self, connection: Connection, method: str, head: bytes, body: Body) -> Response:
        response = self._new_response(connection.sock, method=method)
        try:
            send_request(connection.sock, head, body, self._idle_timeout_s)
        except TookNoMore:
            response.may_be_last = True
        except OSError as exc:
            raise not_taken(exc) from exc
        try:
            response.begin()
        except (OSError, HTTPException) as exc:
            raise broken(exc) from exc
        return response

    def _connected(self, timeout_s: float) -> Connection:
        """Return a connection that nobody uses. Raises UpstreamError."""
        try:
            connection = cast(Connection, self._pool._get_conn())  # noqa: SLF001 - as urllib3 does
            if connection.sock is None:
                connection.timeout = timeout_s
                apart(self._connect, connection)
        except (HTTPError, HTTPException, OSError) as exc:
            raise not_connected(exc, by_proxy=bool(self._proxies)) from exc
        return connection

    def _connect(self, connection: Connection) -> None:
        try:
            with provider_wait.get()():
                if self._tunnels:
                    self._pool._prepare_proxy(connection)  # noqa: SLF001 - as in `_connected`
                else:
                    connection.connect()
        except BaseException:
            connection.close()
            raise

    def _take_back(self, connection: Connection, usable: bool) -> None:  # noqa: FBT001
        if usable:
            self._pool._put_conn(connection)  # noqa: SLF001 - as in `_connected`
        else:
            connection.close()

    @cached_property
    def _pool(self) -> HTTPConnectionPool:
        """The pool, with what `requests` knows of TLS and proxies."""
        request = requests.Request("GET", self._base_url).prepare()
        adapter = self._adapter
        found = adapter.get_connection_with_tls_context(request, self._verify, self._proxies)
        adapter.cert_verify(found, self._base_url, self._verify, None)  # type: ignore[no-untyped-call]
        pool = cast(HTTPConnectionPool, found)
        methods = {"response_class": staticmethod(self._new_response)}  # for a proxy's answer
        pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), methods)
        return pool


def _body(method: str, request: dict[str, Any], headers: Headers) -> Body:
    """Return the body of a request, and add to its headers what they have to say of it."""
    body: Body = request.get("data")
    if "json" in request:
        body = orjson.dumps(request["json"])
        headers["Content-Type"] = "application/json"
    if body is None and method == "GET":
        return None
    length = len(body or b"") if isinstance(body, bytes | None) else getattr(body, "len", None)
    if length is None:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(length)
    return body
