"""Rows of events: what was done to containers and keys.

They are added and, when old, purged; never changed. Functions take a transaction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from catalog.pages import Listing, Page, PageRequest
from catalog.prepared import Prepared
from catalog.tables import containers, events

BATCH = 1000


@dataclass(frozen=True)
class Event:
    """One operation on a container or a key: when (unix seconds), by whom, and its answer.

    `actor` is the id of the key that was used, `anonymous` or `cli`; `code` is the error's, for an
    answer that is one. What was done to a key has `key_id`, and no provider and no container.
    """

    id: str
    created_at: int
    tenant: str
    actor: str
    address: str | None
    request_id: str | None
    request_type: str
    provider: str | None
    container_id: str | None
    file_id: str | None
    status: int
    code: str | None
    key_id: str | None = None


def insert(tx: sa.Connection, added: Sequence[Event]) -> None:
    """Add events, in this order."""
    _insert.run_each(tx, [event.__dict__ for event in added])


def select_events(
    tx: sa.Connection, tenant: str, container_id: str, provider: str | None, request: PageRequest
) -> Page[Event] | None:
    """Return a page of a container's events; None when the tenant never had such a container.

    Raises UnknownCursor.
    """
    values = {"tenant": tenant, "container_id": container_id, "wanted": provider}
    if _had.first(tx, values) is None:
        return None
    return _list.page(tx, request, values)


def export(tx: sa.Connection, *, tenant: str | None, since: float) -> Iterator[Event]:
    """Yield all events since a time, oldest first; those of one tenant if it is given."""
    query = sa.select(*_columns).where(events.c.created_at >= since).order_by(events.c.sequence)
    if tenant is not None:
        query = query.where(events.c.tenant == tenant)
    rows = tx.execution_options(yield_per=BATCH).execute(query)
    for row in rows.mappings():
        yield Event(**row)


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget events from before a time, unless the catalog still has their container."""
    has_container = sa.exists().where(containers.c.id == events.c.container_id)
    tx.execute(sa.delete(events).where(events.c.created_at < kept_since, ~has_container))


_names = [field.name for field in fields(Event)]
_columns = [events.c[name] for name in _names]
_insert = Prepared(sa.insert(events), _names)
_mine = (
    events.c.tenant == sa.bindparam("tenant"),
    events.c.container_id == sa.bindparam("container_id"),
    sa.func.coalesce(sa.bindparam("wanted"), events.c.provider) == events.c.provider,
)
_had = Prepared(sa.select(events.c.id).where(*_mine, events.c.status < 400).limit(1))
_list = Listing(sa.select(*_columns).where(*_mine), _mine, Event)
