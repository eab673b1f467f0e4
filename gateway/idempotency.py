"""Idempotency keys: a request that is repeated with its key is answered again, not done again.

The answer is recorded in the transaction that makes the request's effect visible, so a crash leaves
both or neither. While the first request runs it holds the key by a lease that it renews; a request
that died lets go of the key when its lease ends.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
from sqlalchemy import Connection

from catalog import idempotency as rows
from catalog.database import Database
from catalog.idempotency import Attempt, KeyId
from providers.base import Json
from providers.errors import IdempotencyKeyInUse, IdempotencyKeyReused

LEASE_S = 10
KEPT_S = 24 * 3600


class Claim:
    """The right to run a request, or the answer of the one that already did."""

    def __init__(self, key: KeyId | None, owner: str, attempt: Attempt | None) -> None:
        self._key = key
        self._owner = owner
        self._attempt = attempt

    @property
    def answered(self) -> bool:
        """Tell whether the request was already done."""
        return self._attempt is not None

    def replay(self, fingerprint: str) -> Json:
        """Return the first answer again. Raises IdempotencyKeyReused for another request."""
        if self._key is None or self._attempt is None or self._attempt.answer is None:
            raise RuntimeError("There is no answer to give again.")
        if self._attempt.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        answer = self._attempt.answer
        extra_fields = answer["extra_fields"]
        extra_fields["cache_debug"] = {
            "cache_hit": True,
            "cache_id": self._key.key,
            "hit_type": "direct",
            "provider_used": extra_fields["provider"],
        }
        return answer

    def record(self, tx: Connection, fingerprint: str, answer: Json) -> None:
        """Keep the answer. Raises IdempotencyKeyInUse when another request took the key over."""
        if self._key is None:
            return
        kept = rows.answer(tx, self._key, self._owner, fingerprint=fingerprint, answer=answer)
        if not kept:
            raise IdempotencyKeyInUse(LEASE_S)

    def renew(self, tx: Connection, now: float) -> None:
        """Hold the key for another lease."""
        if self._key is not None:
            rows.renew(tx, self._key, self._owner, now + LEASE_S)


class IdempotencyKeys:
    """Hands out claims."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def claim(self, tenant: str, request_type: str, key: str | None) -> Iterator[Claim]:
        """Hold the key while the block runs; a block that raises lets go of it.

        Raises IdempotencyKeyInUse while another request with the key runs.
        """
        owner = secrets.token_hex(8)
        if key is None:
            yield Claim(None, owner, None)
            return
        key_id = KeyId(tenant, request_type, key)
        attempt = self._take(key_id, owner)
        try:
            yield Claim(key_id, owner, attempt)
        except BaseException:
            with self._database.write() as tx:
                rows.release(tx, key_id, owner)
            raise

    def _take(self, key: KeyId, owner: str) -> Attempt | None:
        """Return the attempt that was answered, or make `owner` the one that runs."""
        now = self._clock()
        with self._database.write() as tx:
            attempt = rows.find(tx, key)
            if attempt is not None and attempt.created_at > now - KEPT_S:
                if attempt.answer is not None:
                    return attempt
                if attempt.leased_until > now:
                    raise IdempotencyKeyInUse(max(1, round(attempt.leased_until - now)))
            rows.take(tx, key, owner, leased_until=now + LEASE_S, now=now)
        return None


def fingerprint(*parts: object) -> str:
    """Return a hash that is the same for the same request."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()
