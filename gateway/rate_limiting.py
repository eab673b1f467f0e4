"""Refuses requests over their rate, and tells on every answer where the rate stands."""

from contextvars import copy_context

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.authentication import SCOPE, Principal
from gateway.errors import RATE_HEADERS
from gateway.rates import Allowance, whole_seconds
from providers.errors import BerthError


class RateLimited(BerthError):
    """The key or its tenant has sent as many requests as it may in a minute."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retriable = True

    def __init__(self, allowance: Allowance) -> None:
        whose, wait_s = allowance.rate.owner.partition(":")[0], whole_seconds(allowance.reset_s)
        super().__init__(
            f"Rate limit reached: this {whose} may send {allowance.rate.limit} requests a minute. "
            f"Please try again in {_duration(wait_s)}.",
            headers={"Retry-After": str(wait_s)},
        )


class RateLimiting:
    """ASGI middleware behind authentication; it counts only what has a rate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request if its rates allow. Raises RateLimited."""
        principal: Principal | None = scope.get(SCOPE)
        rates = scope["state"]["rates"].of(principal) if principal is not None else ()
        if not rates:
            await self._app(scope, receive, send)
            return
        run = scope["state"]["run_in_fiber"]
        allowance = await run(copy_context(), scope["state"]["rates"].count, rates)
        headers = scope["extensions"][RATE_HEADERS] = _headers(allowance)
        if not allowance.allowed:
            raise RateLimited(allowance)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _headers(allowance: Allowance) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": str(allowance.rate.limit),
        "x-ratelimit-remaining-requests": str(allowance.remaining),
        "x-ratelimit-reset-requests": _duration(whole_seconds(allowance.reset_s)),
    }


def _duration(seconds: int) -> str:
    """Write seconds as OpenAI does: `12s`, `1m0s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
