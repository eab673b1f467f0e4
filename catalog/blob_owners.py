"""Which bytes belong to a file: those of an uploaded file are shared by its copies in containers.

A blob is removed only when no file that is there has it. Whether one has is decided in the
transaction that deletes the last, and only a file that is there can be copied, in a transaction
too: so what nobody has stays so, and its bytes can be removed at any time after.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from catalog.tables import files, stored_files

_OWNERS = (files, stored_files)


def release(tx: sa.Connection, table: sa.Table, rows: sa.ColumnElement[bool]) -> Sequence[str]:
    """Return the blobs of those deleted rows that were the last to have them, to be removed.

    The other rows let go of theirs: a deleted row that names a blob was the last to have it.
    """
    let_go = sa.and_(rows, table.c.deleted_at.is_not(None), table.c.blob.is_not(None))
    kept = sa.or_(*(_has(owner, table.c.blob) for owner in _OWNERS))
    tx.execute(sa.update(table).where(let_go, kept).values(blob=None))
    return sorted(set(tx.execute(sa.select(table.c.blob).where(let_go)).scalars()))


def select_deleted(tx: sa.Connection, limit: int) -> Sequence[str]:
    """Return blobs of deleted files that may still be on disk."""
    blobs: set[str] = set()
    for owner in _OWNERS:
        deleted = (owner.c.deleted_at.is_not(None), owner.c.blob.is_not(None))
        blobs.update(tx.execute(sa.select(owner.c.blob).where(*deleted).limit(limit)).scalars())
    return sorted(blobs)


def forget(tx: sa.Connection, blobs: Collection[str]) -> None:
    """Record that these blobs of deleted files are gone."""
    for owner in _OWNERS:
        tx.execute(
            sa.update(owner)
            .where(owner.c.blob.in_(blobs), owner.c.deleted_at.is_not(None))
            .values(blob=None)
        )


def select_known(tx: sa.Connection, blobs: Collection[str]) -> set[str]:
    """Return those of the blobs that belong to a file."""
    queries = [sa.select(owner.c.blob).where(owner.c.blob.in_(blobs)) for owner in _OWNERS]
    return {blob for query in queries for blob in tx.execute(query).scalars()}


def _has(owner: sa.Table, blob: sa.ColumnElement[str | None]) -> sa.ColumnElement[bool]:
    """Tell whether a file that is there has the blob."""
    other = owner.alias()
    return (
        sa.select(sa.literal(1)).where(other.c.blob == blob, other.c.deleted_at.is_(None)).exists()
    )
