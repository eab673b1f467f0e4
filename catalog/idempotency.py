"""Rows of idempotency keys: who runs the first request with a key, and what it answered."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.tables import idempotency_keys as keys


@dataclass(frozen=True)
class KeyId:
    """What an idempotency key is unique within."""

    tenant: str
    request_type: str
    key: str


@dataclass(frozen=True)
class Attempt:
    """The request that holds a key: running until `leased_until`, or answered."""

    owner: str
    leased_until: float
    fingerprint: str | None
    answer: dict[str, Any] | None
    created_at: float


def find(tx: sa.Connection, key: KeyId) -> Attempt | None:
    """Return the request that holds the key."""
    query = sa.select(
        keys.c.owner, keys.c.leased_until, keys.c.fingerprint, keys.c.answer, keys.c.created_at
    ).where(_is(key))
    row = tx.execute(query).mappings().first()
    return Attempt(**row) if row is not None else None


def take(tx: sa.Connection, key: KeyId, owner: str, *, leased_until: float, now: float) -> None:
    """Make `owner` the one that runs the request, whoever held the key before."""
    tx.execute(sa.delete(keys).where(_is(key)))
    row = {"owner": owner, "leased_until": leased_until, "created_at": now}
    tx.execute(sa.insert(keys), [key.__dict__ | row])


def renew(tx: sa.Connection, key: KeyId, owner: str, leased_until: float) -> None:
    """Keep the key for longer, if it is still the owner's."""
    mine = sa.and_(_is(key), keys.c.owner == owner)
    tx.execute(sa.update(keys).where(mine).values(leased_until=leased_until))


def answer(
    tx: sa.Connection, key: KeyId, owner: str, *, fingerprint: str, answer: dict[str, Any]
) -> bool:
    """Record the answer; False when the key is no longer the owner's."""
    result = tx.execute(
        sa.update(keys)
        .where(_is(key), keys.c.owner == owner)
        .values(fingerprint=fingerprint, answer=answer)
    )
    return result.rowcount == 1


def release(tx: sa.Connection, key: KeyId, owner: str) -> None:
    """Give up a key whose request failed."""
    tx.execute(sa.delete(keys).where(_is(key), keys.c.owner == owner, keys.c.fingerprint.is_(None)))


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget keys that are older than `kept_since`."""
    tx.execute(sa.delete(keys).where(keys.c.created_at <= kept_since))


def _is(key: KeyId) -> sa.ColumnElement[bool]:
    return sa.and_(
        keys.c.tenant == key.tenant,
        keys.c.request_type == key.request_type,
        keys.c.key == key.key,
    )
