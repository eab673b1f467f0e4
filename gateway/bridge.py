"""Runs Flask, which is WSGI, under an ASGI server: in fibers on the event loop.

A request body reaches Flask while the client still sends it; a large answer is read chunk by chunk,
one ahead of the client that takes it, and holds no thread in between. ADR 0003 says why this is not
the bridge that connexion brings.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextvars import copy_context
from functools import lru_cache, partial
from typing import Any

from starlette.types import Receive, Scope, Send

from catalog.waiting import RunInFiber, in_fiber
from gateway.request_body import RequestBody
from gateway.threads import Threads

logger = logging.getLogger("berth.bridge")

SMALL_ANSWER_BYTES = 64 * 1024
_END = object()

Environ = dict[str, Any]


class WSGIBridge:
    """An ASGI application that calls a WSGI application.

    It does so in fibers. What these have done apart is in threads, of which forms have their own:
    one that goes to a disk holds a thread while its client sends, and keeps nobody else waiting.
    """

    def __init__(
        self,
        wsgi_app: Callable[..., Any],
        *,
        run_in_fiber: RunInFiber,
        threads: int,
        idle_timeout_s: float,
    ) -> None:
        self._wsgi_app = wsgi_app
        self._run = run_in_fiber
        self._run_form = partial(in_fiber, Threads(threads, "form").run)
        self._idle_timeout_s = idle_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        run = partial(self._run_form if _is_form(scope) else self._run, copy_context())
        body = RequestBody(receive)
        answer = _Answer(self._wsgi_app, _environ(scope, body))
        try:
            first = await run(answer.start)
        finally:
            body.close()
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        if answer.complete:
            await send(start)
            await send({"type": "http.response.body", "body": first})
            return
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send(start)
            await self._stream(first, answer, run, send, gone)
        finally:
            gone.cancel()
            await run(answer.close)

    async def _stream(
        self,
        chunk: Any,
        answer: "_Answer",
        run: Callable[..., Awaitable[Any]],
        send: Send,
        gone: "asyncio.Future[None]",
    ) -> None:
        while chunk is not _END and not gone.done():
            message = {"type": "http.response.body", "body": chunk, "more_body": True}
            following = asyncio.ensure_future(run(answer.next))
            try:
                async with asyncio.timeout(self._idle_timeout_s):
                    await send(message)
            except TimeoutError:  # the server closes a connection whose answer is left incomplete
                logger.warning("The client took nothing for %g seconds", self._idle_timeout_s)
                return
            finally:
                chunk = await following
        await send({"type": "http.response.body", "body": b""})


class _Answer:
    """One call of the WSGI application and what it answers."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def __init__(self, wsgi_app: Callable[..., Any], environ: Environ) -> None:
        self._wsgi_app = wsgi_app
        self._environ = environ
        self.complete = False

    def start(self) -> Any:
        """Call the application; return the whole body if it is small, else its first chunk."""
        self._iterable = self._wsgi_app(self._environ, self._start_response)
        self._chunks: Iterator[bytes] = iter(self._iterable)
        length = int(dict(self.headers).get(b"content-length", SMALL_ANSWER_BYTES + 1))
        if length > SMALL_ANSWER_BYTES:
            return self.next()
        self.complete = True
        try:
            return b"".join(self._chunks)
        finally:
            self.close()

    def next(self) -> Any:
        """Return the next chunk, or `_END`."""
        return next(self._chunks, _END)

    def close(self) -> None:
        """Let the application free what the answer holds."""
        if hasattr(self._iterable, "close"):
            self._iterable.close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> None:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers]


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_form(scope: Scope) -> bool:
    return scope["method"] == "POST" and any(
        name == b"content-type" and value.startswith(b"multipart/")
        for name, value in scope["headers"]
    )


def _environ(scope: Scope, body: RequestBody) -> Environ:
    """Return the WSGI environment of an HTTP scope (PEP 3333: text is bytes read as Latin-1)."""
    host, port = scope.get("server") or ("localhost", 80)
    environ: Environ = {
        "asgi.scope": scope,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,  # a chunked body ends by itself; werkzeug asks for this
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"] = scope["client"][0]
    for raw_name, raw_value in scope["headers"]:
        key, value = _variable(raw_name), raw_value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


@lru_cache(maxsize=256)
def _variable(header: bytes) -> str:
    """Return the name that a header's value has in a WSGI environment."""
    name = header.decode("latin-1").upper().replace("-", "_")
    return name if name in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{name}"
