"""Rows of API keys: of a key itself only its hash is kept. Functions take a transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from catalog.limits import NAMES, Limits
from catalog.tables import keys

ROLES = ("member", "reader", "admin")


@dataclass(frozen=True)
class Key:
    """A key of a tenant: `role` is one of `ROLES`; times are unix seconds.

    `hash` is the key's SHA-256 in hexadecimal, `hint` its beginning; `providers` are the only ones
    it may use, if there are any. `lineage` is the id of the first of the keys that replaced each
    other up to this one: what they cost is counted together.
    """

    id: str
    hash: str
    hint: str
    tenant: str
    role: str
    providers: list[str] | None
    created_at: int
    lineage: str
    limits: Limits
    expires_at: float | None = None
    revoked_at: float | None = None

    def valid(self, now: float) -> bool:
        """Tell whether the key opens anything."""
        ends = [end for end in (self.expires_at, self.revoked_at) if end is not None]
        return all(end > now for end in ends)


def insert(tx: sa.Connection, key: Key) -> None:
    """Add the key."""
    row = {name: value for name, value in key.__dict__.items() if name != "limits"}
    tx.execute(sa.insert(keys), [row | asdict(key.limits)])


def find(tx: sa.Connection, hash_: str) -> Key | None:
    """Return the key with the hash, valid or not."""
    return _first(tx.execute(sa.select(keys).where(keys.c.hash == hash_)))


def select_keys(tx: sa.Connection) -> Sequence[Key]:
    """Return all keys, the oldest first."""
    query = sa.select(keys).order_by(keys.c.created_at, keys.c.id)
    return [_key(row) for row in tx.execute(query).mappings()]


def revoke(tx: sa.Connection, key_id: str, at: float) -> Key | None:
    """Let a key end at a time, unless it ended before; None when there is no such key."""
    ends = sa.func.min(at, sa.func.coalesce(keys.c.revoked_at, at))
    update = sa.update(keys).where(keys.c.id == key_id).values(revoked_at=ends).returning(keys)
    return _first(tx.execute(update))


def exist(tx: sa.Connection) -> bool:
    """Tell whether any key was ever made."""
    return tx.execute(sa.select(keys.c.id).limit(1)).first() is not None


def _first(result: sa.CursorResult[Any]) -> Key | None:
    row = result.mappings().first()
    return _key(row) if row is not None else None


def _key(row: sa.RowMapping) -> Key:
    rest = {name: value for name, value in row.items() if name not in NAMES}
    return Key(limits=Limits(**{name: row[name] for name in NAMES}), **rest)
