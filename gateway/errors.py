"""Turns every exception into the one error envelope."""

import errno
import logging
from collections.abc import Awaitable, Callable

import orjson
from connexion.exceptions import UnsupportedMediaTypeProblem
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from catalog.pages import UnknownCursor
from gateway.document import Document
from gateway.metrics import NOTHING, served
from providers import PROVIDERS
from providers.errors import (
    BerthError,
    InvalidRequest,
    NotFound,
    StorageFull,
    Unavailable,
    UnsupportedMediaType,
)
from providers.upstream_errors import UpstreamError

logger = logging.getLogger("berth.errors")

RATE_HEADERS = "berth.rate_headers"
"""Where a scope's `extensions` have the headers that tell where the caller's rate stands."""

Handler = Callable[[ConnexionRequest, Exception], Awaitable[ConnexionResponse]]


class MethodNotAllowed(BerthError):
    """The path does not take the method."""

    status = 405
    code = "method_not_allowed"


class InternalError(BerthError):
    """A defect; the log has the traceback."""

    type = "server_error"
    code = "internal_error"
    retriable = True


def error_handler(document: Document) -> Handler:
    """Return the function that answers for exceptions."""

    async def handle(request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        if isinstance(exc, HTTPException):
            error = _from_http(exc, request, document)
        else:
            error = meaning(exc)
        if isinstance(error, InternalError):
            logger.error("%s %s failed", request.method, request.url.path, exc_info=exc)
        if (told := served.get()) is not None and not isinstance(error, UpstreamError):
            told.code = error.code or NOTHING
        if error.provider is None:
            asked = request.query_params.get("provider")
            error.provider = asked if asked in PROVIDERS else None
        extensions = request.scope["extensions"]
        operation_id = extensions.get("connexion_routing", {}).get("operation_id")
        error.headers |= extensions.get(RATE_HEADERS, {})
        return _answer(error, document.request_type(operation_id))

    return handle


def _answer(error: BerthError, request_type: str | None) -> ConnexionResponse:
    headers = dict(error.headers)
    if not error.retriable:
        headers["x-should-retry"] = "false"
    body = orjson.dumps(error.body(request_type))
    return ConnexionResponse(error.status, "application/json", body=body, headers=headers)


def meaning(exc: Exception) -> BerthError:
    """Return what an exception of ours, or from under our services, means to the client."""
    if isinstance(exc, BerthError):
        return exc
    if isinstance(exc, UnknownCursor):
        return InvalidRequest(
            f"Invalid 'after': there is no '{exc}' in this list.",
            param="after",
            code="invalid_value",
        )
    if _is_full(exc):
        return StorageFull("There is no room left to store this.")
    if isinstance(exc, OperationalError) and "locked" in str(exc.orig):
        return Unavailable("The catalog is busy.")
    return InternalError("The server had an error while processing your request.")


def _from_http(exc: HTTPException, request: ConnexionRequest, document: Document) -> BerthError:
    """Return the error for what connexion, Starlette or werkzeug refused."""
    path = request.url.path
    if exc.status_code == 405:
        return MethodNotAllowed(
            f"Invalid method for URL ({request.method} {path})",
            headers={"Allow": ", ".join(document.methods(path) or ["GET", "HEAD"])},
        )
    if exc.status_code == 404:
        return NotFound(f"Invalid URL ({request.method} {path})", code="unknown_url")
    if isinstance(exc, UnsupportedMediaTypeProblem):
        return UnsupportedMediaType(f"{exc.detail}.", param="Content-Type")
    if exc.status_code < 500:
        return InvalidRequest(str(exc.detail))
    return InternalError("The server had an error while processing your request.")


def _is_full(exc: Exception) -> bool:
    if isinstance(exc, OSError):
        return exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return isinstance(exc, OperationalError) and "full" in str(exc.orig)
