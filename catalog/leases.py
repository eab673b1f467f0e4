"""Leases: work that only one process at a time may do."""

import sqlalchemy as sa

from catalog.tables import leases


def acquire(tx: sa.Connection, name: str, holder: str, *, until: float, now: float) -> bool:
    """Take or renew the lease; False while another holder's has not run out."""
    held = tx.execute(sa.select(leases).where(leases.c.name == name)).mappings().first()
    if held is not None and held["holder"] != holder and held["expires_at"] > now:
        return False
    tx.execute(sa.delete(leases).where(leases.c.name == name))
    tx.execute(sa.insert(leases), [{"name": name, "holder": holder, "expires_at": until}])
    return True


def release(tx: sa.Connection, name: str, holder: str) -> None:
    """Give the lease back early."""
    tx.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == holder))
