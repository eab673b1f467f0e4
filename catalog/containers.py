"""Rows of containers. Functions take a transaction; whether one is expired depends on `now`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from catalog.pages import Listing, Page, PageRequest
from catalog.prepared import Prepared
from catalog.tables import containers


@dataclass(frozen=True)
class Container:
    """A container as the catalog knows it. Times are unix seconds.

    `created_by` is the lineage of a key.
    """

    id: str
    tenant: str
    provider: str
    backend: str
    name: str
    metadata: dict[str, str]
    memory_limit: str
    network_policy: dict[str, Any] | None
    expires_minutes: int
    created_at: int
    last_active_at: float
    expires_at: float
    deleted_at: float | None = None
    ended_at: float | None = None
    deployment: str | None = None
    created_by: str | None = None

    def expired(self, now: float) -> bool:
        """Tell whether its idle time is over; once ended it stays so, whatever the clock says.

        When a native container's time is over is its provider's to tell.
        """
        if self.ended_at is not None:
            return True
        return self.backend == "hosted" and self.expires_at <= now


def insert(tx: sa.Connection, container: Container) -> None:
    """Add the container."""
    _insert.run(tx, container.__dict__)


def touch(
    tx: sa.Connection,
    tenant: str,
    container_id: str,
    *,
    provider: str | None,
    backend: str | None = None,
    now: float,
) -> Container | None:
    """Refresh the activity of a container that is alive, and return it; None when there is none."""
    wanted = {"wanted": provider, "wanted_backend": backend}
    row = _touch.first(tx, {"id": container_id, "tenant": tenant, **wanted, "now": now})
    return Container(*row) if row is not None else None


def find(
    tx: sa.Connection, tenant: str, container_id: str, *, provider: str | None, kept_since: float
) -> Container | None:
    """Return a container that is alive, or that expired after `kept_since`."""
    row = _find.first(tx, {"id": container_id, "tenant": tenant})
    container = Container(*row) if row is not None else None
    if container is None or container.deleted_at is not None:
        return None
    lives = container.backend == "native" and container.ended_at is None
    shown = lives or container.expires_at > kept_since
    return container if shown and provider in {None, container.provider} else None


def select_containers(
    tx: sa.Connection,
    tenant: str,
    provider: str,
    request: PageRequest,
    *,
    name: str | None,
    kept_since: float,
) -> Page[Container]:
    """Return a page of a tenant's containers at a provider. Raises UnknownCursor."""
    values = {"tenant": tenant, "provider": provider, "kept_since": kept_since}
    if name is None:
        return _list.page(tx, request, values)
    return _named.page(tx, request, {**values, "name": name})


def mark_deleted(tx: sa.Connection, container_id: str, now: float) -> bool:
    """Make a container that is alive gone; False when it no longer was."""
    result = tx.execute(
        sa.update(containers)
        .where(containers.c.id == container_id, _alive(now))
        .values(deleted_at=now, expires_at=now, ended_at=now)
    )
    return result.rowcount == 1


def is_alive(tx: sa.Connection, container_id: str, now: float) -> bool:
    """Tell whether the container can still take a file."""
    query = sa.select(containers.c.id).where(containers.c.id == container_id, _alive(now))
    return tx.execute(query).first() is not None


def select_expired(tx: sa.Connection, now: float, limit: int) -> Sequence[str]:
    """Return ids of containers whose time is over but which nobody has ended yet."""
    query = sa.select(containers.c.id).where(
        containers.c.backend == "hosted",
        containers.c.expires_at <= now,
        containers.c.ended_at.is_(None),
    )
    return tx.execute(query.limit(limit)).scalars().all()


def end(tx: sa.Connection, container_id: str, now: float) -> bool:
    """Make sure that a container whose time is over never comes back; False when it has time."""
    result = tx.execute(
        sa.update(containers)
        .where(containers.c.id == container_id, containers.c.expires_at <= now)
        .values(ended_at=now)
    )
    return result.rowcount == 1


def end_native(tx: sa.Connection, container_id: str, now: float) -> None:
    """Record that the provider no longer has the container."""
    tx.execute(
        sa.update(containers)
        .where(containers.c.id == container_id, containers.c.ended_at.is_(None))
        .values(ended_at=now, expires_at=now)
    )


def refresh(tx: sa.Connection, container: Container) -> None:
    """Store what the provider says of a container that has not ended."""
    _refresh.run(tx, {"of": container.id, **container.__dict__})


def select_native(tx: sa.Connection, provider: str, deployment: str) -> Sequence[Container]:
    """Return a deployment's containers that are not deleted, ended ones included."""
    query = sa.select(*_columns).where(
        containers.c.provider == provider,
        containers.c.deployment == deployment,
        containers.c.deleted_at.is_(None),
    )
    return [_record(row) for row in tx.execute(query).mappings()]


def exists(tx: sa.Connection, container_id: str) -> bool:
    """Tell whether the catalog has a row for the id, deleted ones included."""
    return _owner.first(tx, {"id": container_id}) is not None


def tenant_of(tx: sa.Connection, container_id: str) -> str:
    """Return whose a container is that the catalog has."""
    row = _owner.first(tx, {"id": container_id})
    if row is None:
        raise LookupError(container_id)
    return str(row[0])


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget containers, and their files, whose time was over before `kept_since`."""
    tx.execute(
        sa.delete(containers).where(
            containers.c.ended_at.is_not(None), containers.c.expires_at <= kept_since
        )
    )


def _alive(now: float | sa.BindParameter[float]) -> sa.ColumnElement[bool]:
    return sa.and_(
        containers.c.deleted_at.is_(None),
        containers.c.ended_at.is_(None),
        sa.or_(containers.c.expires_at > now, containers.c.backend == "native"),
    )


def _record(row: sa.RowMapping) -> Container:
    return Container(**row)


_names = [field.name for field in fields(Container)]
_columns = [containers.c[name] for name in _names]
_now: sa.BindParameter[float] = sa.bindparam("now")
_of_tenant = (
    containers.c.id == sa.bindparam("id"),
    containers.c.tenant == sa.bindparam("tenant"),
)
_insert = Prepared(sa.insert(containers), _names)
_find = Prepared(sa.select(*_columns).where(*_of_tenant))
_owner = Prepared(sa.select(containers.c.tenant).where(containers.c.id == sa.bindparam("id")))
_touch = Prepared(
    sa.update(containers)
    .where(
        *_of_tenant,
        sa.func.coalesce(sa.bindparam("wanted"), containers.c.provider) == containers.c.provider,
        sa.func.coalesce(sa.bindparam("wanted_backend"), containers.c.backend)
        == containers.c.backend,
        _alive(_now),
    )
    .values(last_active_at=_now, expires_at=_now + containers.c.expires_minutes * 60)
    .returning(*_columns)
)
_mine = (
    containers.c.tenant == sa.bindparam("tenant"),
    containers.c.provider == sa.bindparam("provider"),
)
_shown = sa.select(*_columns).where(
    *_mine, containers.c.deleted_at.is_(None), containers.c.expires_at > sa.bindparam("kept_since")
)
_list = Listing(_shown, _mine, Container)
_named = Listing(_shown.where(containers.c.name == sa.bindparam("name")), _mine, Container)
_told = ("last_active_at", "expires_at", "expires_minutes", "memory_limit", "network_policy")
_refresh = Prepared(
    sa.update(containers).where(
        containers.c.id == sa.bindparam("of"), containers.c.ended_at.is_(None)
    ),
    _told,
)
