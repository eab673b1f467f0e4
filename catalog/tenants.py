"""Rows of tenants that have limits of their own. Functions take a transaction."""

from collections.abc import Mapping

import sqlalchemy as sa

from catalog.tables import containers, keys, tenants, usage

Overrides = Mapping[str, int | None]
"""Limits by their names; None lifts a limit, one that is not named is as for every tenant."""


def put(tx: sa.Connection, name: str, overrides: Overrides) -> None:
    """Give a tenant these limits instead of those it had."""
    tx.execute(sa.delete(tenants).where(tenants.c.name == name))
    tx.execute(sa.insert(tenants), [{"name": name, "limits": dict(overrides)}])


def find(tx: sa.Connection, name: str) -> Overrides:
    """Return a tenant's own limits."""
    query = sa.select(tenants.c.limits).where(tenants.c.name == name)
    return tx.execute(query).scalar() or {}


def select_all(tx: sa.Connection) -> dict[str, Overrides]:
    """Return the limits of all tenants that have their own."""
    return {row.name: row.limits for row in tx.execute(sa.select(tenants))}


def select_names(tx: sa.Connection) -> list[str]:
    """Return the names of all tenants that there are, in order."""
    names = (
        sa.select(tenants.c.name),
        sa.select(keys.c.tenant),
        sa.select(containers.c.tenant),
        sa.select(usage.c.name).where(usage.c.kind == "tenant"),
    )
    return sorted(tx.execute(sa.union(*names)).scalars())
