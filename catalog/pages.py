"""Pages of a list: newest or oldest first, after a cursor, in an order without ties."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa

from catalog.prepared import Prepared

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


class Listing(Generic[T]):
    """A list of one table's rows, prepared for every kind of page.

    `shown` selects its items, and `among` the rows that a cursor may name: deleted ones are among
    them, so that a client which deletes what it lists can go on. `record` makes an item of a row.
    """

    def __init__(
        self,
        shown: sa.Select[Any],
        among: Sequence[sa.ColumnElement[bool]],
        record: Callable[..., T],
    ) -> None:
        (table,) = shown.get_final_froms()
        self._record = record
        self._places = Prepared(
            sa.select(table.c.created_at, table.c.sequence).where(
                *among, table.c.id == sa.bindparam("after")
            )
        )
        self._pages = {
            (order, after): Prepared(_page(shown, order, after=after))
            for order in ("asc", "desc")
            for after in (False, True)
        }

    def page(self, tx: sa.Connection, request: PageRequest, values: Mapping[str, Any]) -> Page[T]:
        """Return a page; `values` are those of the list's own conditions. Raises UnknownCursor."""
        values = {**values, "limit": request.limit + 1}
        if request.after is not None:
            place = self._places.first(tx, {**values, "after": request.after})
            if place is None:
                raise UnknownCursor(request.after)
            values["after_created_at"], values["after_sequence"] = place
        rows = self._pages[request.order, request.after is not None].rows(tx, values)
        items = [self._record(*row) for row in rows[: request.limit]]
        return Page(items, has_more=len(rows) > request.limit)


def _page(shown: sa.Select[Any], order: str, *, after: bool) -> sa.Select[Any]:
    """Return the query for a page in an order without ties."""
    (table,) = shown.get_final_froms()
    place = sa.tuple_(table.c.created_at, table.c.sequence)
    cursor = sa.tuple_(
        sa.bindparam("after_created_at", type_=sa.BigInteger),
        sa.bindparam("after_sequence", type_=sa.BigInteger),
    )
    if after:
        shown = shown.where(place < cursor if order == "desc" else place > cursor)
    direction = sa.desc if order == "desc" else sa.asc
    return shown.order_by(direction(table.c.created_at), direction(table.c.sequence)).limit(
        sa.bindparam("limit", type_=sa.Integer)
    )
