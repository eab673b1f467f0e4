"""Rows of API keys: of a key itself only its hash is kept. Functions take a transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from catalog.limits import NAMES, Limits
from catalog.pages import Listing, Page, PageRequest
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
    return _first(tx.execute(sa.select(*_columns).where(keys.c.hash == hash_)))


def select_all_keys(tx: sa.Connection) -> Sequence[Key]:
    """Return all keys, the oldest first; revoked ones too."""
    query = sa.select(*_columns).order_by(keys.c.created_at, keys.c.sequence)
    return [_key(*row) for row in tx.execute(query)]


def select_keys(
    tx: sa.Connection, tenant: str | None, request: PageRequest, now: float
) -> Page[Key]:
    """Return a page of the keys that are not revoked, of all tenants or of one.

    Raises UnknownCursor.
    """
    return _list.page(tx, request, {"wanted": tenant, "now": now})


def find_by_id(tx: sa.Connection, key_id: str, now: float) -> Key | None:
    """Return the key, unless it is revoked."""
    query = sa.select(*_columns).where(keys.c.id == key_id, _kept)
    return _first(tx.execute(query, {"now": now}))


def revoke(tx: sa.Connection, key_id: str, at: float) -> None:
    """Let a key end at a time, unless it ends before."""
    later = sa.or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > at)
    tx.execute(sa.update(keys).where(keys.c.id == key_id, later).values(revoked_at=at))


def exist(tx: sa.Connection) -> bool:
    """Tell whether any key was ever made."""
    return tx.execute(sa.select(keys.c.id).limit(1)).first() is not None


def _first(result: sa.CursorResult[Any]) -> Key | None:
    row = result.first()
    return _key(*row) if row is not None else None


def _key(*row: Any) -> Key:
    values = dict(zip(_names, row, strict=True))
    limits = Limits(**{name: values.pop(name) for name in NAMES})
    return Key(limits=limits, **values)


_columns = [column for column in keys.c if column.name != "sequence"]
_names = [column.name for column in _columns]
_kept = sa.or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > sa.bindparam("now"))
_whose = sa.func.coalesce(sa.bindparam("wanted"), keys.c.tenant) == keys.c.tenant
_list = Listing(sa.select(*_columns).where(_whose, _kept), [_whose], _key)
