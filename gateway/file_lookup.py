"""Finds the uploaded file that a request names: whose is it, and is it still there."""

from collections.abc import Callable

from catalog import stored_files
from catalog.database import Database
from catalog.stored_files import StoredFile
from gateway.answers import Caller
from gateway.registry import Registry
from providers.errors import ProviderNotAllowed
from providers.file_store import Place


class FileLookup:
    """Looks uploaded files up for a tenant."""

    def __init__(
        self, database: Database, registry: Registry, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    def find(self, caller: Caller, file_id: str, provider: str | None) -> StoredFile | None:
        """Return a file of the tenant; one that Berth did not upload if its account is theirs.

        Raises ProviderNotAllowed for a provider that the caller's key is not for.
        """
        with self._database.read() as tx:
            found = stored_files.find(
                tx, caller.tenant, file_id, provider=provider, now=self._clock()
            )
            known = found is not None or stored_files.exists(tx, file_id)
        if not known:
            return self._adopted(caller, file_id, provider)
        if found is not None and not caller.may_use(found.provider):
            raise ProviderNotAllowed(found.provider)
        return found

    def _adopted(self, caller: Caller, file_id: str, provider: str | None) -> StoredFile | None:
        """Ask the deployments of the tenant's own for a file that another client made."""
        for name, store in self._registry.native_files.items():
            if provider not in {name, None} or not caller.may_use(name):
                continue
            for deployment in self._registry.configs[name].deployments:
                if deployment.tenant == caller.tenant:
                    place = Place(caller.tenant, name, deployment.name)
                    file = store.look_up(file_id, place)
                    if file is not None:
                        return self._adopt(file)
        return None

    def _adopt(self, file: StoredFile) -> StoredFile | None:
        with self._database.write() as tx:
            if stored_files.exists(tx, file.id):
                return stored_files.find(
                    tx, file.tenant, file.id, provider=file.provider, now=self._clock()
                )
            stored_files.insert(tx, file)
        return file
