"""Headers that keep browsers from doing with an answer what it is not for."""

from typing import Any

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

_COMMON: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
SECURITY_HEADERS: Headers = [
    *_COMMON,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
]
"""For every answer but the pages at `/ui`: shown as a page, it may load, run and frame nothing."""

_PAGE_HEADERS: Headers = [
    *_COMMON,
    (
        b"content-security-policy",
        (
            b"default-src 'self'; script-src 'self' 'unsafe-inline'; "
            b"style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; "
            b"base-uri 'none'; form-action 'self'"
        ),
    ),
]
"""For Swagger UI, whose page has an inline script and inline styles."""


def secure(headers: Headers, scope: Scope) -> None:
    """Add to an answer's headers what it lacks.

    An answer is not to be stored unless it says so itself; Swagger UI's files may be.
    """
    if scope["path"].startswith("/ui"):
        headers += _PAGE_HEADERS
        return
    headers += SECURITY_HEADERS
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))


def cors(origins: str) -> dict[str, Any]:
    """Return what Starlette's `CORSMiddleware` takes to let pages of these origins call."""
    return {
        "allow_origins": [origin.strip() for origin in origins.split(",")],
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": ["*"],
        "expose_headers": [
            "x-request-id",
            "etag",
            "repr-digest",
            "retry-after",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
    }
