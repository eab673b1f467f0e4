"""How many requests a minute keys and tenants may send, counted over all processes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Connection

from catalog import hits
from catalog.database import Database
from gateway.authentication import Principal
from gateway.tenants import Tenants


@dataclass(frozen=True)
class Rate:
    """A rate that a request counts against: whose, and how many requests a minute."""

    owner: str
    limit: int


@dataclass(frozen=True)
class Allowance:
    """What a request found: whether it may pass, and where the strictest of its rates stands.

    `reset_s` is when the first of the requests that are counted is a minute old.
    """

    allowed: bool
    rate: Rate
    remaining: int
    reset_s: float


class Rates:
    """Counts requests. Any thread may call it."""

    def __init__(self, database: Database, tenants: Tenants, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock

    def of(self, caller: Principal) -> Sequence[Rate]:
        """Return the rates of who calls, its key's and its key's tenant's; none for most."""
        key = caller.key
        tenant = caller.tenant if key is None else key.tenant
        limit = self._tenants.limits_of(tenant).requests_per_minute
        rates = [] if limit is None else [Rate(f"tenant:{tenant}", limit)]
        if key is not None and key.limits.requests_per_minute is not None:
            rates.append(Rate(f"key:{key.lineage}", key.limits.requests_per_minute))
        return rates

    def count(self, rates: Sequence[Rate]) -> Allowance:
        """Count a request against all of its rates, or against none when one is used up."""
        now = self._clock()
        with self._database.notes() as tx:
            limiter = MovingWindowRateLimiter(Windows(tx, now))
            counted = [(PerMinute(rate.limit), rate) for rate in rates]
            allowed = all(limiter.test(item, rate.owner) for item, rate in counted)
            if allowed:
                for item, rate in counted:
                    limiter.hit(item, rate.owner)
            stats = [(limiter.get_window_stats(item, rate.owner), rate) for item, rate in counted]
        stat, rate = min(stats, key=lambda found: (found[0].remaining, -found[0].reset_time))
        return Allowance(allowed, rate, max(0, stat.remaining), max(0, stat.reset_time - now))


class PerMinute(RateLimitItemPerMinute):
    """A number of requests a minute; when it changes, what was counted still counts."""

    def key_for(self, *identifiers: Any) -> str:
        """Return what the requests are counted under."""
        return "/".join(identifiers)


class Windows(Storage, MovingWindowSupport):
    """Moving windows in the catalog, within a transaction, so that all processes share them."""

    STORAGE_SCHEME = None
    base_exceptions = ()

    def __init__(self, tx: Connection, now: float) -> None:
        super().__init__()
        self._tx = tx
        self._now = now

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count hits, unless they would be too many."""
        hits.forget(self._tx, key, self._now - expiry)
        count, _ = hits.window(self._tx, key, self._now - expiry)
        if count + amount > limit:
            return False
        hits.add(self._tx, key, self._now, amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window's first hit was, and how many there are."""
        del limit  # for storages that keep no more than it
        count, first = hits.window(self._tx, key, self._now - expiry)
        return self._now - expiry if first is None else first, count

    # `Storage` wants these for counts in fixed windows, which a moving window never asks for.
    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("Only moving windows are kept here.")

    incr = get = get_expiry = check = reset = clear = _refuse


def whole_seconds(seconds: float) -> int:
    """Return how long to wait, at least one second."""
    return max(1, math.ceil(seconds))
