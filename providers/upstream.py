"""Calls to one deployment of a provider: one pooled session, and retries that cannot duplicate.

A request that may have been processed is sent again only if doing it twice is doing it once (GET
and DELETE). All trying and waiting ends with the total time.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.waiting import apart, provider_wait
from providers.circuit import Circuit
from providers.connections import Session
from providers.exchange import Exchange, Json, exchange
from providers.replies import Reply, error_of
from providers.sockets import call_deadline
from providers.turns import ClientBody
from providers.upstream_errors import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from providers.wire import Response

BACKOFF_S = 0.5
MAX_BACKOFF_S = 8
MAX_WAIT_S = 30
_REPEATABLE = {"GET", "DELETE"}


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds, and how often to try again."""

    connect_timeout_s: float = 5
    idle_timeout_s: float = 60
    total_timeout_s: float = 600
    max_retries: int = 2


class _CircuitOpen(UpstreamUnavailable):
    """The request was not sent."""


def unobserved(*_labels: str) -> None:
    """Count nothing."""


class Upstream:
    """One deployment's API. `observe` is told the outcome of each call."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        limits: Limits,
        connections: int = 64,
        proxy: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        self._credentials = headers.get("api-key") or headers.get("Authorization", "")[7:]
        self._limits = limits
        self._session = Session(
            base_url,
            {"User-Agent": "berth", "Accept-Encoding": "identity", **headers},
            connections=connections,
            idle_timeout_s=limits.idle_timeout_s,
            proxy=proxy,
            ca_bundle=ca_bundle,
        )
        self._closing = threading.Event()
        self.circuit = Circuit()
        self.observe: Callable[[str], None] = unobserved

    def send(self, method: str, path: str, **request: Any) -> Reply:
        """Send a request and return the provider's answer when it is not an error.

        `request` is what `requests` takes: `params`, `json`, `data`, `headers`. Raises an
        UpstreamError otherwise, whose `processed` tells whether the request may have been done.
        """
        deadline = time.monotonic() + self._limits.total_timeout_s
        attempt = 0
        while True:
            try:
                reply = self._try(method, path, deadline, request)
            except UpstreamError as error:
                self.observe(type(error).code or "refused")
                error.retried = attempt > 0
                wait_s = _wait_s(error, attempt)
                once_more = (
                    attempt < self._limits.max_retries
                    and _may_repeat(method, error, request)
                    and wait_s <= MAX_WAIT_S
                    and time.monotonic() + wait_s < deadline
                )
                if not once_more or self._closed_within(wait_s):
                    raise
                attempt += 1
            else:
                self.observe("ok")
                return reply

    def close(self) -> None:
        """Close all connections and stop waiting."""
        self._closing.set()
        self._session.close()

    def _closed_within(self, wait_s: float) -> bool:
        """Wait before the next try; tell whether there will be none."""

        def wait() -> bool:
            with provider_wait.get()():
                return self._closing.wait(wait_s)

        return apart(wait)

    def _try(self, method: str, path: str, deadline: float, request: Json) -> Reply:
        if not self.circuit.enter():
            wait_s = str(max(1, round(self.circuit.wait_s)))
            raise _CircuitOpen("The deployment failed too often.", retry_after=wait_s)
        said, started = exchange.get() or Exchange(), time.perf_counter()
        if "json" in request:
            said.sent(request["json"])
        body = request.get("data")
        if isinstance(body, Iterator):
            body = ClientBody(body, deadline)
            request = {**request, "data": body}
        try:
            response = self._send(method, path, deadline, request)
            if not 200 <= response.status < 300:
                raise error_of(response, deadline, self._credentials)
        except UpstreamError as error:
            late = isinstance(body, ClientBody) and body.is_late
            if not (late and isinstance(error, UpstreamTimeout)):
                self._count(error)
            raise
        finally:
            said.seconds = time.perf_counter() - started
        return Reply(response, deadline, said, self.circuit, self._credentials)

    def _send(self, method: str, path: str, deadline: float, request: Json) -> Response:
        remaining_s = max(0.001, deadline - time.monotonic())
        call_deadline.set(deadline)
        with provider_wait.get()():
            return self._session.call(
                method, path, min(self._limits.connect_timeout_s, remaining_s), **request
            )

    def _count(self, error: UpstreamError) -> None:
        """Tell the circuit; what the request or the credentials are to blame for is no failure."""
        if isinstance(error, UpstreamRefused | UpstreamRateLimited | UpstreamUnauthorized):
            self.circuit.succeed()
        else:
            self.circuit.fail()


def _may_repeat(method: str, error: UpstreamError, request: Json) -> bool:
    """Tell whether a failed request may be sent again: when it was surely not, or may be twice."""
    if isinstance(request.get("data"), Iterator):  # a body that streams through us is gone
        return False
    if not error.retriable or isinstance(error, _CircuitOpen):
        return False
    surely_not = not error.processed and not isinstance(error, UpstreamRateLimited)
    return surely_not or method in _REPEATABLE


def _wait_s(error: UpstreamError, attempt: int) -> float:
    """Return how long to wait: what the provider asks for, else longer each time, and jittered."""
    asked = error.headers.get("Retry-After")
    if asked is not None:
        return float(asked)
    backoff_s: float = min(MAX_BACKOFF_S, BACKOFF_S * 2**attempt)
    return backoff_s * random.uniform(0.75, 1)  # noqa: S311
