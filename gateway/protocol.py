"""HTTP as uvicorn reads it, except how it refuses what is not HTTP."""

import secrets

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from providers.errors import InvalidRequest


class Protocol(HttpToolsProtocol):
    """One connection."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn decides it
        """Refuse what could not be parsed, in the one envelope, and close the connection."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_refusal())
        self.transport.close()


def _refusal() -> bytes:
    error = InvalidRequest("The request is not valid HTTP/1.1.", code="invalid_http")
    body = orjson.dumps(error.body(None))
    head = (
        f"HTTP/1.1 {error.status} Bad Request\r\n"
        f"content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        f"connection: close\r\n"
        f"x-should-retry: false\r\n"
        f"x-request-id: req_{secrets.token_hex(16)}\r\n"
        f"\r\n"
    )
    return head.encode() + body
