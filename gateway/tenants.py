"""What each tenant may cost: limits for every tenant, and those of its own for some."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from catalog import tenants, usage
from catalog.database import Database
from catalog.limits import Limits
from catalog.tenants import Overrides
from catalog.usage import Owner

REFRESH_S = 2
"""How often a process asks the catalog for changes of limits."""


@dataclass(frozen=True)
class Standing:
    """A tenant, what it may cost and what it costs now."""

    name: str
    limits: Limits
    containers: int
    bytes: int


class Tenants:
    """The limits of tenants, as one process knows them. Any thread may call it."""

    def __init__(self, database: Database, defaults: Limits, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._defaults = defaults
        self._clock = clock
        self._own: dict[str, Limits] = {}
        self.refresh()

    def refresh(self) -> None:
        """Ask the catalog which tenants have limits of their own."""
        with self._database.read() as tx:
            rows = tenants.select_all(tx)
        self._own = {name: replace(self._defaults, **own) for name, own in rows.items()}

    def limits_of(self, tenant: str) -> Limits:
        """Return what a tenant may cost."""
        return self._own.get(tenant, self._defaults)

    def limit(self, tenant: str, overrides: Overrides, as_all: frozenset[str]) -> None:
        """Give a tenant limits of its own; those named in `as_all` are as every tenant's again."""
        with self._database.write() as tx:
            own = {**tenants.find(tx, tenant), **overrides}
            tenants.put(tx, tenant, {n: limit for n, limit in own.items() if n not in as_all})
        self.refresh()

    def all(self) -> list[Standing]:
        """Return all tenants, by name."""
        now = self._clock()
        with self._database.read() as tx:
            return [
                Standing(
                    name,
                    self.limits_of(name),
                    usage.count_containers(tx, Owner("tenant", name), now),
                    usage.count_bytes(tx, Owner("tenant", name), now),
                )
                for name in tenants.select_names(tx)
            ]
