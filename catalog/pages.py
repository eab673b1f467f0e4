"""Pages of a list: newest or oldest first, after a cursor, in an order without ties."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


class UnknownCursor(LookupError):
    """`after` names nothing that was ever in this list."""


@dataclass(frozen=True)
class PageRequest:
    """Which part of a list: at most `limit` items that follow the id `after`."""

    limit: int = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list and whether more follow."""

    items: list[T]
    has_more: bool


def select_page(
    tx: sa.Connection,
    query: sa.Select[Any],
    request: PageRequest,
    *,
    cursors: sa.Select[Any],
    record: Callable[[sa.RowMapping], T],
) -> Page[T]:
    """Return a page of `query`, whose one table has `id`, `created_at` and `sequence`.

    `cursors` selects the rows `after` may name; deleted ones are among them, so that a client which
    deletes what it lists can go on. Raises UnknownCursor.
    """
    (table,) = query.get_final_froms()
    place = sa.tuple_(table.c.created_at, table.c.sequence)
    if request.after is not None:
        last = tx.execute(cursors.where(table.c.id == request.after)).mappings().first()
        if last is None:
            raise UnknownCursor(request.after)
        cursor = sa.tuple_(sa.literal(last["created_at"]), sa.literal(last["sequence"]))
        query = query.where(place < cursor if request.order == "desc" else place > cursor)
    direction = sa.desc if request.order == "desc" else sa.asc
    query = query.order_by(direction(table.c.created_at), direction(table.c.sequence))
    rows = tx.execute(query.limit(request.limit + 1)).mappings().all()
    return Page([record(row) for row in rows[: request.limit]], len(rows) > request.limit)
