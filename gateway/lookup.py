"""Finds the container a request names: whose is it, and is it alive."""

from collections.abc import Callable

from sqlalchemy import Connection

from catalog import containers
from catalog.containers import Container
from catalog.database import Database
from gateway.answers import Call
from providers.errors import ContainerExpired, ContainerNotFound


class Lookup:
    """Looks containers up for a tenant. Every find of a living one counts as activity."""

    def __init__(
        self, database: Database, *, retention_s: float, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._retention_s = retention_s
        self._clock = clock

    def kept_since(self) -> float:
        """Return when a container must have expired, at the earliest, to be still shown."""
        return self._clock() - self._retention_s

    def visible(
        self, call: Call, tenant: str, container_id: str, provider: str | None
    ) -> Container:
        """Return a container that is alive or still shown. Raises ContainerNotFound."""
        if provider is not None:
            call.serve_by(provider)
        now = self._clock()
        with self._database.note() as tx:
            container = containers.touch(tx, tenant, container_id, provider=provider, now=now)
        if container is None:
            container = self._find(tenant, container_id, provider)
        if container is None:
            raise ContainerNotFound(container_id)
        call.serve_by(container.provider)
        return container

    def alive(self, call: Call, tenant: str, container_id: str, provider: str | None) -> Container:
        """Return a container that is alive. Raises ContainerNotFound and ContainerExpired."""
        container = self.visible(call, tenant, container_id, provider)
        if container.expired(self._clock()):
            raise ContainerExpired
        return container

    def keep_alive(self, tx: Connection, container: Container) -> None:
        """Count activity in the middle of a request. Raises as `alive` does."""
        now = self._clock()
        if containers.touch(tx, container.tenant, container.id, provider=None, now=now) is None:
            shown = containers.find(
                tx, container.tenant, container.id, provider=None, kept_since=self.kept_since()
            )
            raise ContainerExpired if shown else ContainerNotFound(container.id)

    def _find(self, tenant: str, container_id: str, provider: str | None) -> Container | None:
        with self._database.look() as tx:
            return containers.find(
                tx, tenant, container_id, provider=provider, kept_since=self.kept_since()
            )
