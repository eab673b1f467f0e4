"""Rows of intents: containers that a native provider was, or is about to be, asked to create.

An intent is written before the provider is called and removed in the transaction that records the
container. One that stays tells of a create whose answer was lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from catalog.prepared import Prepared
from catalog.tables import intents


@dataclass(frozen=True)
class Intent:
    """A create under way: by whom, where, and what. `failed` once its client was told so.

    `created_by` is the lineage of a key.
    """

    marker: str
    tenant: str
    provider: str
    deployment: str
    spec: dict[str, Any]
    created_at: float
    failed: bool = False
    created_by: str | None = None


def insert(tx: sa.Connection, intent: Intent) -> None:
    """Add the intent."""
    _insert.run(tx, intent.__dict__)


def delete(tx: sa.Connection, marker: str) -> bool:
    """Forget the intent; False when it was not there any more."""
    return _delete.run(tx, {"marker": marker}) == 1


def exists(tx: sa.Connection, marker: str | None) -> bool:
    """Tell whether a create with the marker is under way."""
    query = sa.select(intents.c.marker).where(intents.c.marker == marker)
    return tx.execute(query).first() is not None


def mark_failed(tx: sa.Connection, marker: str) -> None:
    """Record that the client was told of a failure."""
    tx.execute(sa.update(intents).where(intents.c.marker == marker).values(failed=True))


def select_intents(tx: sa.Connection, provider: str, deployment: str) -> Sequence[Intent]:
    """Return a deployment's intents."""
    query = sa.select(intents).where(
        intents.c.provider == provider, intents.c.deployment == deployment
    )
    return [Intent(**row) for row in tx.execute(query).mappings()]


_insert = Prepared(sa.insert(intents), [field.name for field in fields(Intent)])
_delete = Prepared(sa.delete(intents).where(intents.c.marker == sa.bindparam("marker")))
