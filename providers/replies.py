"""What a provider answers: its bytes as they arrive, its JSON, and what its errors mean."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException

from catalog.waiting import provider_wait
from providers.circuit import Circuit
from providers.exchange import Exchange, Json, without
from providers.turns import Turns
from providers.upstream_errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from providers.wire import Response

CHUNK_BYTES = 512 * 1024
MAX_JSON_BYTES = 8 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
_NO_RANGE = re.compile(r"bytes \*/[0-9]{1,18}")


@dataclass(frozen=True)
class Reply:
    """An answer of the provider that is not an error, its body still unread."""

    response: Response
    deadline: float
    said: Exchange
    circuit: Circuit
    credentials: str

    @property
    def length(self) -> int | None:
        """How many bytes the body has, if the provider says so."""
        length = self.response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and len(length) < 19 else None

    def json(self) -> Json:
        """Return the body, a JSON object. Raises UpstreamFailed and UpstreamTimeout."""
        return self._parse(self._read())

    def confirm(self) -> None:
        """Read a body of which nothing is needed. Raises as `json` does, but it may be empty."""
        body = self._read()
        if body:
            self._parse(body)

    def chunks(self) -> Iterator[bytes]:
        """Return an iterator over the body that ends with the total time.

        The circuit hears how it ended, unless the reader gives up or is the one who is slow.
        """
        return _Chunks(self.response, self.deadline, self.circuit)

    def close(self) -> None:
        """Give up on the rest of the body."""
        self.response.close()

    def _read(self) -> bytes:
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                self.close()
                raise UpstreamFailed("The provider's answer is too long.", processed=True)
        return bytes(body)

    def _parse(self, body: bytes) -> Json:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise UpstreamFailed("The provider's answer is not JSON.", processed=True) from exc
        if not isinstance(value, dict) or "error" in value:
            raise UpstreamFailed("The provider's answer makes no sense.", processed=True)
        redacted: Json = without(self.credentials, value)
        self.said.response = redacted
        return redacted


def error_of(response: Response, deadline: float, credentials: str) -> UpstreamError:
    """Return what an answer with an error status means, without the credentials it may repeat."""
    error = _error_object(response, deadline, credentials)
    retry_after = _retry_after(response.headers.get("Retry-After"))
    status = response.status
    processed = status < 400 or status >= 500
    if status in {401, 403, 407}:
        return UpstreamUnauthorized("The provider refuses the gateway's credentials.")
    if status == 429:
        message = "The provider's rate limit is reached."
        return UpstreamRateLimited(message, retry_after=retry_after or "1")
    if status in {408, 504}:
        message = "The provider did not answer in time."
        return UpstreamTimeout(message, retry_after=retry_after or "1", processed=True)
    if status == 503:
        message = "The provider is not available."
        return UpstreamUnavailable(message, retry_after=retry_after or "1", processed=True)
    if processed:
        message = "The provider failed." if status >= 500 else "The provider redirects elsewhere."
        return UpstreamFailed(message, retry_after=retry_after, processed=True)
    refusal = UpstreamRefused(
        status,
        _text(error.get("message")) or "The provider refused the request.",
        param=_text(error.get("param")),
        code=_text(error.get("code")),
    )
    content_range = response.headers.get("Content-Range", "")
    if status == 416 and _NO_RANGE.fullmatch(content_range):
        refusal.headers["Content-Range"] = content_range
    return refusal


class _Chunks:
    """Iterates over a body as it arrives; translates what can go wrong on the way."""

    def __init__(self, response: Response, deadline: float, circuit: Circuit | None = None) -> None:
        self._response = response
        self._deadline = deadline
        self._circuit = circuit
        self._turns = Turns()
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() > self._deadline:
            self._end(failed=self._turns.mostly_waited)
            raise UpstreamTimeout("The provider did not finish in time.", processed=True)
        try:
            with self._turns.waiting(), provider_wait.get()():
                chunk: bytes = self._response.read1(CHUNK_BYTES)
        except TimeoutError as exc:
            self._end(failed=True)
            raise UpstreamTimeout("The provider did not finish in time.", processed=True) from exc
        except (HTTPException, OSError) as exc:
            self._end(failed=True)
            raise UpstreamFailed("The provider's answer broke off.", processed=True) from exc
        if not chunk:
            self._end(failed=False)
            raise StopIteration
        return chunk

    def _end(self, *, failed: bool) -> None:
        self.close()
        if self._circuit is not None and not self._ended:
            self._circuit.fail() if failed else self._circuit.succeed()
        self._ended = True

    def close(self) -> None:
        """Give up on the rest; a connection that is wholly read goes back to the pool."""
        self._response.close()


def _error_object(response: Response, deadline: float, credentials: str) -> Json:
    """Return the `error` of a body in OpenAI's form; an empty one for anything else."""
    body = bytearray()
    try:
        for chunk in _Chunks(response, deadline):
            body += chunk
            if len(body) > MAX_ERROR_BYTES:
                response.close()
                return {}
        value = without(credentials, json.loads(body))
    except (UpstreamError, ValueError, RecursionError):
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _retry_after(value: str | None) -> str | None:
    """Return the header in whole seconds; dates and nonsense are dropped."""
    value = (value or "").strip()
    return str(max(1, int(value))) if value.isdecimal() and len(value) < 6 else None


def _text(value: object) -> str | None:
    return str(value)[:2000] if isinstance(value, str | int) and value != "" else None
