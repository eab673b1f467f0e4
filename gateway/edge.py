"""What surrounds every request: its id, its log line, and patience with its client that ends."""

import asyncio
import logging
import random
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.document import Document
from gateway.logs import request_id
from gateway.metrics import NOTHING, Metrics, Served, served
from gateway.security import secure
from providers.errors import ClientStalled

logger = logging.getLogger("berth.requests")

_GOOD_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_AMBIGUOUS = re.compile(r"/\Z|//|[\x00-\x1f\x7f]")
MIN_BYTES_PER_S = 1024
_ALIAS = re.compile(r"\A/openai/(?=(?:containers|files)(?:/|\Z))")


class Edge:
    """The outermost ASGI middleware."""

    def __init__(self, app: ASGIApp, *, document: Document, idle_timeout_s: float) -> None:
        self._app = app
        self._document = document
        self._idle_timeout_s = idle_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request under an id of its own, the client's if it sent a good one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = _request_id(scope)
        token = request_id.set(request)
        told = Served()
        served.set(told)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request
                secure(message["headers"], scope)
            else:
                told.sent += len(message.get("body", b""))
            await send(message)

        scope = {
            **scope,
            "path": _canonical_path(scope["path"]),
            "headers": _canonical_headers(scope["headers"]),
            "extensions": {},
        }
        try:
            await self._app(scope, self._impatient(receive, told), send_with_id)
        finally:
            self._observe(scope, status, told, time.perf_counter() - started)
            request_id.reset(token)

    def _impatient(self, receive: Receive, told: Served) -> Receive:
        """Raise ClientStalled when of the body nothing arrives for the idle timeout, or too little.

        The rate is taken over time spent waiting for the client, an idle timeout of it at a time.
        """
        ended = False
        waited_s, received = 0.0, 0

        async def receive_in_time() -> Message:
            nonlocal ended, waited_s, received
            if ended:  # what comes now is the client going away, whenever it does
                return await receive()
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._idle_timeout_s):
                    message = await receive()
            except TimeoutError as exc:
                raise self._stalled("Nothing") from exc
            ended = not message.get("more_body", False)
            waited_s += time.perf_counter() - began
            received += len(message.get("body", b""))
            told.received += len(message.get("body", b""))
            if waited_s >= self._idle_timeout_s and not ended:
                if received < waited_s * MIN_BYTES_PER_S:
                    raise self._stalled(f"Less than {MIN_BYTES_PER_S} bytes a second")
                waited_s, received = 0.0, 0
            return message

        return receive_in_time

    def _stalled(self, what: str) -> ClientStalled:
        return ClientStalled(
            f"{what} of the body arrived for {self._idle_timeout_s:g} seconds.",
            headers={"Connection": "close"},
        )

    def _observe(self, scope: Scope, status: int, told: Served, seconds: float) -> None:
        """Count and log the request."""
        routing = scope["extensions"].get("connexion_routing", {})
        operation = self._document.request_type(routing.get("operation_id")) or NOTHING
        metrics: Metrics = scope["state"]["metrics"]
        metrics.observe(operation, status, told, seconds)
        logger.info(
            "%s %s",
            scope["method"],
            scope["path"],
            extra={"status": status, "ms": round(seconds * 1000, 1)},
        )


class StrictPaths:
    """Answers 404 where the two routers behind it, Starlette's and Flask's, would disagree.

    That is a slash at the end, which one would redirect (`DELETE /v1/containers/` from a client
    that lost an id must not reach anything), an empty segment, and a control character, which one
    does not match. An escaped slash is a part of an id that no router could tell from a path:
    `DELETE /v1/containers/x%2Ffiles%2Fy` must not delete the file `y`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request unless its path is ambiguous."""
        if scope["type"] == "http" and _is_ambiguous(scope):
            raise HTTPException(404)
        await self._app(scope, receive, send)


def _is_ambiguous(scope: Scope) -> bool:
    path = scope["path"]
    escaped_slash = b"%2f" in (scope.get("raw_path") or b"").lower()
    return escaped_slash or (_AMBIGUOUS.search(path) is not None and path != "/ui/")


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GOOD_ID.match(given) else f"req_{random.getrandbits(128):032x}"


def _canonical_path(path: str) -> str:
    """Return the documented path that answers for the alias without `/v1`."""
    return _ALIAS.sub("/openai/v1/", path)


def _canonical_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers so that all who read them, connexion and Flask, read the same.

    Repeated ones become one list (RFC 9110, 5.3), the media type is in lower case, as connexion
    looks it up, and an `Upgrade` is ignored.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    values.pop(b"upgrade", None)
    if b"content-type" in values:
        media_type, *parameters = b", ".join(values[b"content-type"]).split(b";", 1)
        values[b"content-type"] = [b";".join([media_type.strip().lower(), *parameters])]
    return [(name, b", ".join(several)) for name, several in values.items()]
