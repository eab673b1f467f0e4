"""Rows of events: what was done to containers. They are added and, when old, purged; never changed.

Functions take a transaction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.pages import Page, PageRequest, select_page
from catalog.tables import containers, events

BATCH = 1000


@dataclass(frozen=True)
class Event:
    """One operation on a container: when (unix seconds), by whom, from where, and its answer.

    `actor` is a key's id or `anonymous`; `code` is the error's, for an answer that is one.
    """

    id: str
    created_at: int
    tenant: str
    actor: str
    address: str | None
    request_id: str | None
    request_type: str
    provider: str
    container_id: str
    file_id: str | None
    status: int
    code: str | None


def insert(tx: sa.Connection, added: Sequence[Event]) -> None:
    """Add events, in this order."""
    tx.execute(sa.insert(events), [event.__dict__ for event in added])


def select_events(
    tx: sa.Connection, tenant: str, container_id: str, provider: str | None, request: PageRequest
) -> Page[Event] | None:
    """Return a page of a container's events; None when the tenant never had such a container.

    Raises UnknownCursor.
    """
    mine = [events.c.tenant == tenant, events.c.container_id == container_id]
    if provider is not None:
        mine.append(events.c.provider == provider)
    had = sa.select(events.c.id).where(*mine, events.c.status < 400)
    if tx.execute(had.limit(1)).first() is None:
        return None
    cursors = sa.select(events.c.created_at, events.c.sequence).where(*mine)
    query = sa.select(*_columns).where(*mine)
    return select_page(tx, query, request, cursors=cursors, record=_record)


def export(tx: sa.Connection, *, tenant: str | None, since: float) -> Iterator[Event]:
    """Yield all events since a time, oldest first; those of one tenant if it is given."""
    query = sa.select(*_columns).where(events.c.created_at >= since).order_by(events.c.sequence)
    if tenant is not None:
        query = query.where(events.c.tenant == tenant)
    rows = tx.execution_options(yield_per=BATCH).execute(query)
    for row in rows.mappings():
        yield _record(row)


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget events from before a time, unless the catalog still has their container."""
    has_container = sa.exists().where(containers.c.id == events.c.container_id)
    tx.execute(sa.delete(events).where(events.c.created_at < kept_since, ~has_container))


_columns = [column for column in events.c if column.name != "sequence"]


def _record(row: sa.RowMapping) -> Event:
    return Event(**row)
