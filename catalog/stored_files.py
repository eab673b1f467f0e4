"""Rows of uploaded files, which can be copied into containers. Functions take a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from catalog import usage
from catalog.blob_owners import release
from catalog.pages import Listing, Page, PageRequest
from catalog.prepared import Prepared
from catalog.tables import stored_files


@dataclass(frozen=True)
class StoredFile:
    """An uploaded file. Hosted ones have a hexadecimal `sha256`, and `blob`, the key of the bytes.

    Times are unix seconds; without `expires_at` it never expires. `created_by` is the lineage of a
    key.
    """

    id: str
    tenant: str
    provider: str
    backend: str
    deployment: str | None
    filename: str
    purpose: str
    bytes: int
    sha256: str | None
    status: str
    status_details: str | None
    created_at: int
    expires_at: int | None
    blob: str | None
    created_by: str | None = None


def insert(tx: sa.Connection, file: StoredFile) -> None:
    """Add the file."""
    tx.execute(sa.insert(stored_files), [file.__dict__])
    if file.backend == "hosted":
        usage.add_all(tx, file.tenant, [(file.created_by, file.bytes)])


def give(tx: sa.Connection, file: StoredFile, created_by: str) -> None:
    """Record which key made a file that is new, and count it for that key."""
    is_it = stored_files.c.id == file.id
    tx.execute(sa.update(stored_files).where(is_it).values(created_by=created_by))
    if file.backend == "hosted":
        usage.add(tx, usage.Owner("key", created_by), file.bytes)


def find(
    tx: sa.Connection, tenant: str, file_id: str, *, provider: str | None, now: float
) -> StoredFile | None:
    """Return the file, unless it is not there or no longer."""
    values = {"id": file_id, "tenant": tenant, "wanted": provider, "now": now}
    row = _find.first(tx, values)
    return StoredFile(*row) if row is not None else None


def exists(tx: sa.Connection, file_id: str) -> bool:
    """Tell whether the catalog has a row for the id, anyone's and deleted ones included."""
    query = sa.select(stored_files.c.id).where(stored_files.c.id == file_id)
    return tx.execute(query).first() is not None


def select_files(
    tx: sa.Connection,
    tenant: str,
    provider: str,
    request: PageRequest,
    *,
    purpose: str | None,
    now: float,
) -> Page[StoredFile]:
    """Return a page of a tenant's files at a provider. Raises UnknownCursor."""
    values = {"tenant": tenant, "provider": provider, "now": now}
    if purpose is None:
        return _list.page(tx, request, values)
    return _for_purpose.page(tx, request, {**values, "purpose": purpose})


def mark_deleted(tx: sa.Connection, file_id: str, now: float) -> Sequence[str] | None:
    """Make the file gone and return what to remove of its bytes; None when there is none."""
    is_it = stored_files.c.id == file_id
    update = sa.update(stored_files).where(is_it, _present).values(deleted_at=now)
    deleted = tx.execute(update.returning(stored_files)).first()
    if deleted is None:
        return None
    if deleted.backend == "hosted":
        usage.add_all(tx, deleted.tenant, [(deleted.created_by, -deleted.bytes)])
    return release(tx, stored_files, is_it)


def end_expired(tx: sa.Connection, now: float, limit: int) -> int:
    """Make files whose time is over gone for good; return how many."""
    query = sa.select(stored_files.c.id).where(_present, stored_files.c.expires_at <= now)
    expired = tx.execute(query.limit(limit)).scalars().all()
    for file_id in expired:
        mark_deleted(tx, file_id, now)
    return len(expired)


def refresh(tx: sa.Connection, file: StoredFile) -> None:
    """Store what the provider says of a native file now."""
    _refresh.run(tx, {"of": file.id, **file.__dict__})


def purge(tx: sa.Connection, *, kept_since: float) -> None:
    """Forget files deleted before `kept_since` whose bytes are gone."""
    tx.execute(
        sa.delete(stored_files).where(
            stored_files.c.deleted_at.is_not(None),
            stored_files.c.blob.is_(None),
            stored_files.c.deleted_at <= kept_since,
        )
    )


_columns = [stored_files.c[field.name] for field in fields(StoredFile)]
_present = stored_files.c.deleted_at.is_(None)
_shown = sa.select(*_columns).where(
    _present,
    sa.or_(stored_files.c.expires_at.is_(None), stored_files.c.expires_at > sa.bindparam("now")),
)
_find = Prepared(
    _shown.where(
        stored_files.c.id == sa.bindparam("id"),
        stored_files.c.tenant == sa.bindparam("tenant"),
        sa.func.coalesce(sa.bindparam("wanted"), stored_files.c.provider)
        == stored_files.c.provider,
    )
)
_mine = (
    stored_files.c.tenant == sa.bindparam("tenant"),
    stored_files.c.provider == sa.bindparam("provider"),
)
_list = Listing(_shown.where(*_mine), _mine, StoredFile)
_for_purpose = Listing(
    _shown.where(*_mine, stored_files.c.purpose == sa.bindparam("purpose")), _mine, StoredFile
)
_refresh = Prepared(
    sa.update(stored_files).where(stored_files.c.id == sa.bindparam("of")),
    ("status", "status_details", "expires_at"),
)
