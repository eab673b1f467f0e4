"""Rows of hits: requests that are counted against a rate, those of a second together.

A row leaves the window when the last of its hits does: no more than a rate allows are ever in it,
and a key has no more rows than the window has seconds. Functions take a transaction.
"""

import sqlalchemy as sa

from catalog.prepared import Prepared
from catalog.tables import hits


def add(tx: sa.Connection, key: str, now: float, amount: int) -> None:
    """Count hits of now."""
    values = {"of": key, "second": int(now), "now": now, "amount": amount}
    if _add.run(tx, values) == 0:
        row = {"key": key, "slot": int(now), "at": now, "count": amount}
        _insert.run(tx, row)


def window(tx: sa.Connection, key: str, since: float) -> tuple[int, float | None]:
    """Return how many hits there were after a time, and when the first of them."""
    row = _window.first(tx, {"of": key, "since": since})
    return (int(row[0] or 0), row[1]) if row is not None else (0, None)


def forget(tx: sa.Connection, key: str, until: float) -> None:
    """Forget a key's hits up to a time."""
    _forget.run(tx, {"of": key, "until": until})


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget all hits up to a time."""
    tx.execute(sa.delete(hits).where(hits.c.at <= kept_since))


_mine = hits.c.key == sa.bindparam("of")
_add = Prepared(
    sa.update(hits)
    .where(_mine, hits.c.slot == sa.bindparam("second"))
    .values(at=sa.bindparam("now"), count=hits.c.count + sa.bindparam("amount"))
)
_insert = Prepared(sa.insert(hits), ["key", "slot", "at", "count"])
_window = Prepared(
    sa.select(sa.func.sum(hits.c.count), sa.func.min(hits.c.at)).where(
        _mine, hits.c.at > sa.bindparam("since")
    )
)
_forget = Prepared(sa.delete(hits).where(_mine, hits.c.at <= sa.bindparam("until")))
