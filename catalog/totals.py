"""How much there is, by provider. Functions take a transaction."""

import sqlalchemy as sa

from catalog.tables import containers, files, stored_files


def count_containers(tx: sa.Connection, now: float) -> dict[tuple[str, ...], float]:
    """Return how many containers are alive, by provider and backend."""
    labels = (containers.c.provider, containers.c.backend)
    in_time = sa.or_(containers.c.expires_at > now, containers.c.backend == "native")
    alive = sa.select(*labels, sa.func.count()).where(containers.c.ended_at.is_(None), in_time)
    query = alive.group_by(*labels)
    return {(provider, backend): count for provider, backend, count in tx.execute(query)}


def sum_bytes(tx: sa.Connection) -> dict[tuple[str, ...], float]:
    """Return the bytes of all hosted files that are there, by provider; copies count each."""
    in_containers = (
        sa.select(containers.c.provider, files.c.bytes)
        .join(containers, containers.c.id == files.c.container_id)
        .where(files.c.deleted_at.is_(None))
    )
    uploaded = sa.select(stored_files.c.provider, stored_files.c.bytes).where(
        stored_files.c.deleted_at.is_(None), stored_files.c.backend == "hosted"
    )
    both = sa.union_all(in_containers, uploaded).subquery()
    query = sa.select(both.c.provider, sa.func.sum(both.c.bytes)).group_by(both.c.provider)
    return {(provider,): int(total) for provider, total in tx.execute(query)}
