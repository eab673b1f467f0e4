"""Finds the container a request names: whose is it, and is it alive."""

import logging
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from catalog import containers
from catalog.containers import Container
from catalog.database import Database
from gateway.answers import Call
from providers.errors import ContainerExpired, ContainerNotFound

logger = logging.getLogger("berth.lookup")


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
        self,
        call: Call,
        tenant: str,
        container_id: str,
        provider: str | None,
        *,
        only_hosted_active: bool = False,
    ) -> Container:
        """Return a container that is alive or still shown. Raises ContainerNotFound.

        With `only_hosted_active` it is left to the caller to note what a native provider says.
        """
        if provider is not None:
            call.serve_by(provider)
        backend = "hosted" if only_hosted_active else None
        container = self._touch(tenant, container_id, provider, backend)
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

    def _touch(
        self, tenant: str, container_id: str, provider: str | None, backend: str | None
    ) -> Container | None:
        """Return a container, its activity noted if it is alive, unless the disk takes nothing."""
        now, kept_since = self._clock(), self.kept_since()

        def find(tx: Connection) -> Container | None:
            return containers.find(
                tx, tenant, container_id, provider=provider, kept_since=kept_since
            )

        def touch(tx: Connection) -> Container | None:
            touched = containers.touch(
                tx, tenant, container_id, provider=provider, backend=backend, now=now
            )
            return touched or find(tx)

        try:
            return self._database.note(touch)
        except OperationalError as exc:
            if "locked" in str(exc.orig):
                raise
            logger.warning("Activity could not be noted: %s", exc.orig)
        with self._database.look() as tx:  # what is stored can be read all the same
            return find(tx)
