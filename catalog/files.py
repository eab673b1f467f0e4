"""Rows of the files that Berth itself keeps. Functions take a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from catalog import containers, usage
from catalog.blob_owners import release
from catalog.pages import Listing, Page, PageRequest
from catalog.prepared import Prepared
from catalog.tables import files


@dataclass(frozen=True)
class File:
    """A file in a container. `sha256` is hexadecimal; `blob` is the key of its bytes.

    A native provider tells no hash, and sometimes no size.
    """

    id: str
    container_id: str
    path: str
    bytes: int | None
    sha256: str | None
    source: str
    created_at: int
    blob: str | None


def replace(tx: sa.Connection, file: File, now: float) -> Sequence[str]:
    """Add the file in the place of one with the same path; return what to remove of its bytes."""
    values = {"container_id": file.container_id, "path": file.path, "now": now}
    replaced = _hide.first(tx, values)
    _insert.run(tx, file.__dict__)
    added: list[usage.Change] = [(None, file.bytes or 0)]
    if replaced is None:
        _count(tx, file.container_id, added)
        return []
    file_id, created_by, size = replaced
    _count(tx, file.container_id, [*added, (created_by, -size)])
    return release(tx, files, files.c.id == file_id)


def give(tx: sa.Connection, ids: Collection[str], created_by: str) -> None:
    """Record which key made files that are new, and count them for it."""
    given = [_give.rows(tx, {"id": file_id, "key": created_by}) for file_id in ids]
    usage.add(tx, usage.Owner("key", created_by), sum(size for rows in given for (size,) in rows))


def largest(tx: sa.Connection, container_id: str) -> int:
    """Return the size of a container's largest file."""
    mine = (files.c.container_id == container_id, _present)
    return tx.execute(sa.select(sa.func.max(files.c.bytes)).where(*mine)).scalar() or 0


def find(tx: sa.Connection, container_id: str, file_id: str) -> File | None:
    """Return the file, unless it is not there or no longer."""
    row = _find.first(tx, {"id": file_id, "container_id": container_id})
    return File(*row) if row is not None else None


def select_files(tx: sa.Connection, container_id: str, request: PageRequest) -> Page[File]:
    """Return a page of a container's files. Raises UnknownCursor."""
    return _list.page(tx, request, {"container_id": container_id})


def mark_deleted(
    tx: sa.Connection, container_id: str, file_id: str, now: float
) -> Sequence[str] | None:
    """Make the file gone and return what to remove of its bytes; None when there is none."""
    deleted = tx.execute(
        sa.update(files)
        .where(_is(container_id, file_id))
        .values(deleted_at=now)
        .returning(files.c.created_by, files.c.bytes)
    ).first()
    if deleted is None:
        return None
    _count(tx, container_id, [(deleted.created_by, -deleted.bytes)])
    return release(tx, files, files.c.id == file_id)


def mark_all_deleted(tx: sa.Connection, container_id: str, now: float) -> Sequence[str]:
    """Make all files of a container gone and return what to remove of their bytes."""
    mine = files.c.container_id == container_id
    update = sa.update(files).where(mine, _present).values(deleted_at=now)
    deleted = tx.execute(update.returning(files.c.created_by, files.c.bytes))
    _count(tx, container_id, [(created_by, -size) for created_by, size in deleted])
    return release(tx, files, mine)


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget files deleted before `kept_since` whose bytes are gone."""
    tx.execute(
        sa.delete(files).where(
            files.c.deleted_at.is_not(None),
            files.c.blob.is_(None),
            files.c.deleted_at <= kept_since,
        )
    )


def _count(tx: sa.Connection, container_id: str, changes: Sequence[usage.Change]) -> None:
    if changes:
        usage.add_all(tx, containers.tenant_of(tx, container_id), changes)


def _is(container_id: str, file_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(files.c.id == file_id, files.c.container_id == container_id, _present)


_names = [field.name for field in fields(File)]
_columns = [files.c[name] for name in _names]
_present = files.c.deleted_at.is_(None)
_mine = files.c.container_id == sa.bindparam("container_id")
_insert = Prepared(sa.insert(files), _names)
_find = Prepared(sa.select(*_columns).where(files.c.id == sa.bindparam("id"), _mine, _present))
_hide = Prepared(
    sa.update(files)
    .where(_mine, files.c.path == sa.bindparam("path"), _present)
    .values(deleted_at=sa.bindparam("now"))
    .returning(files.c.id, files.c.created_by, files.c.bytes)
)
_give = Prepared(
    sa.update(files)
    .where(files.c.id == sa.bindparam("id"))
    .values(created_by=sa.bindparam("key"))
    .returning(files.c.bytes)
)
_list = Listing(sa.select(*_columns).where(_mine, _present), [_mine], File)
