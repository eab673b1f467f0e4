"""What is counted for an owner, a tenant or a key: containers alive, and bytes of hosted files.

Bytes are counted in the transaction that changes files, so nothing has to be summed up. What has
expired stays in the counter until it is ended; `count_bytes` takes it off. A copy counts as a file
of its size does, although it may share its bytes. Functions take a transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from catalog.prepared import Prepared
from catalog.tables import containers, files, intents, stored_files, usage


@dataclass(frozen=True)
class Owner:
    """A tenant by its name, or a key by its lineage."""

    kind: Literal["tenant", "key"]
    name: str


Change = tuple[str | None, int]
"""Who made a file, and how many bytes it adds; negative when it goes."""


def add(tx: sa.Connection, owner: Owner, size: int) -> None:
    """Count bytes for an owner; fewer when `size` is negative."""
    if _add.run(tx, {**owner.__dict__, "added": size}) == 0:
        tx.execute(sa.insert(usage), [{**owner.__dict__, "bytes": size}])


def add_all(tx: sa.Connection, tenant: str, changes: Iterable[Change]) -> None:
    """Count what files of a tenant add, for it and for the keys that made them."""
    added: Counter[Owner] = Counter()
    for created_by, size in changes:
        added[Owner("tenant", tenant)] += size
        if created_by is not None:
            added[Owner("key", created_by)] += size
    for owner, size in added.items():
        add(tx, owner, size)


def count_bytes(tx: sa.Connection, owner: Owner, now: float) -> int:
    """Return how many bytes an owner's hosted files hold."""
    return _count(tx, owner) - _expired_bytes(tx, owner, now)


def exceeds(tx: sa.Connection, owner: Owner, limit: int, now: float) -> bool:
    """Tell whether an owner's hosted files hold more bytes than a limit."""
    return _count(tx, owner) > limit and count_bytes(tx, owner, now) > limit


def count_containers(tx: sa.Connection, owner: Owner, now: float) -> int:
    """Return how many containers of an owner are alive, or about to be created."""
    return _first(_alive, tx, owner, now) + _first(_coming, tx, owner, now)


def _count(tx: sa.Connection, owner: Owner) -> int:
    row = _counted.first(tx, owner.__dict__)
    return int(row[0]) if row is not None else 0


def _expired_bytes(tx: sa.Connection, owner: Owner, now: float) -> int:
    """Return how much of a counter is in what has expired and was not ended yet."""
    return _first(_expired, tx, owner, now) + _first(_expired_stored, tx, owner, now)


def _first(queries: Mapping[str, Prepared], tx: sa.Connection, owner: Owner, now: float) -> int:
    row = queries[owner.kind].first(tx, {"name": owner.name, "now": now})
    return int(row[0] or 0) if row is not None else 0


def _of_each_kind(
    query: sa.Select[Any], tenants: sa.ColumnElement[Any], keys: sa.ColumnElement[Any]
) -> Mapping[str, Prepared]:
    """Prepare a query about a tenant, and about a key, by the columns that name them."""
    name: sa.BindParameter[str] = sa.bindparam("name")
    return {
        "tenant": Prepared(query.where(tenants == name)),
        "key": Prepared(query.where(keys == name)),
    }


def _unindexed(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column to compare by, not to search by: those of an owner are too many."""
    return sa.func.coalesce(column, "")


_of_owner = (usage.c.kind == sa.bindparam("kind"), usage.c.name == sa.bindparam("name"))
_counted = Prepared(sa.select(usage.c.bytes).where(*_of_owner))
_add = Prepared(
    sa.update(usage).where(*_of_owner).values(bytes=usage.c.bytes + sa.bindparam("added"))
)
_now: sa.BindParameter[float] = sa.bindparam("now")
_alive = _of_each_kind(
    sa.select(sa.func.count()).where(
        containers.c.ended_at.is_(None),
        sa.or_(containers.c.expires_at > _now, containers.c.backend == "native"),
    ),
    containers.c.tenant,
    containers.c.created_by,
)
_coming = _of_each_kind(
    sa.select(sa.func.count()).where(intents.c.failed.is_(False)),
    intents.c.tenant,
    intents.c.created_by,
)
_expired = _of_each_kind(
    sa.select(sa.func.sum(files.c.bytes))
    .join(containers, containers.c.id == files.c.container_id)
    .where(
        files.c.deleted_at.is_(None),
        containers.c.ended_at.is_(None),
        containers.c.expires_at <= _now,
        containers.c.backend == "hosted",
    ),
    _unindexed(containers.c.tenant),
    _unindexed(files.c.created_by),
)
_expired_stored = _of_each_kind(
    sa.select(sa.func.sum(stored_files.c.bytes)).where(
        stored_files.c.deleted_at.is_(None),
        stored_files.c.expires_at <= _now,
        stored_files.c.backend == "hosted",
    ),
    _unindexed(stored_files.c.tenant),
    _unindexed(stored_files.c.created_by),
)
