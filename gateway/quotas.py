"""What callers may keep: containers alive, bytes stored, and the size of one file.

Whether a limit is passed is decided in the transaction that would pass it, so two requests cannot
pass it together. A caller's key has limits, and its tenant has: both hold.
"""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from catalog import files, stored_files, usage
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.limits import Limits
from catalog.stored_files import StoredFile
from catalog.usage import Owner
from gateway.answers import Caller
from gateway.tenants import Tenants
from providers.errors import BerthError


class ContainerLimitReached(BerthError):
    """The key or the tenant has as many containers as it may have."""

    status = 403
    code = "container_limit_reached"

    def __init__(self, owner: Owner, limit: int, use: int) -> None:
        super().__init__(
            f"This {owner.kind} has {use} containers alive, and may have {limit}. "
            "Delete one, or let one expire."
        )


class StorageLimitReached(BerthError):
    """The file does not fit into what the key or the tenant may still store."""

    status = 413
    code = "storage_limit_reached"

    def __init__(self, owner: Owner, limit: int, param: str) -> None:
        super().__init__(
            f"This {owner.kind} may store {limit} bytes in all, and this file would pass that. "
            "Delete files or containers first.",
            param=param,
        )


class Quotas:
    """Holds callers to their limits."""

    def __init__(self, database: Database, tenants: Tenants, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock

    def max_file_bytes(self, caller: Caller, most: int) -> int:
        """Return how large a file of the caller's may be, `most` at most."""
        limits = [most, *(limits.max_file_bytes for _, limits in self._of(caller))]
        return min(limit for limit in limits if limit is not None)

    def check_containers(self, tx: Connection, caller: Caller) -> None:
        """Raise ContainerLimitReached when the one that was just added is one too many."""
        for owner, limits in self._of(caller):
            limit = limits.max_containers
            if limit is not None:
                use = usage.count_containers(tx, owner, self._clock())
                if use > limit:
                    raise ContainerLimitReached(owner, limit, use - 1)

    def admit(
        self, tx: Connection, caller: Caller, container: Container, made: Sequence[File]
    ) -> None:
        """Give the caller the container that it has just added, with its files.

        A native one took its place before its provider was asked. Raises ContainerLimitReached and
        StorageLimitReached.
        """
        if container.backend == "hosted":
            self.check_containers(tx, caller)
            self.take(tx, caller, container, made, "file_ids")

    def take(
        self, tx: Connection, caller: Caller, container: Container, made: Sequence[File], param: str
    ) -> None:
        """Give the caller the files that it has just added; `param` named them.

        Raises StorageLimitReached for too much.
        """
        if container.backend == "hosted" and made:
            if caller.lineage is not None:
                files.give(tx, [file.id for file in made], caller.lineage)
            self._check_bytes(tx, caller, param)

    def take_stored(self, tx: Connection, caller: Caller, file: StoredFile) -> None:
        """Give the caller the uploaded file that it has just added, as `take` does."""
        if caller.lineage is not None:
            stored_files.give(tx, file, caller.lineage)
        if file.backend == "hosted":
            self._check_bytes(tx, caller, "file")

    def bounding(
        self,
        caller: Caller,
        container: Container | None = None,
        *,
        param: str = "file",
        sent: int = 0,
    ) -> Callable[[bytes], None]:
        """Return a watcher of a file's bytes that raises as soon as they pass what is free now.

        The file, which `param` names, may replace one of the container's, whose size is free too.
        `sent` bytes of it have passed already.
        """
        free = self._free(caller, container)
        replaced: int | None = None

        def watch(chunk: bytes) -> None:
            nonlocal sent, replaced
            sent += len(chunk)
            for owner, limit, room in free:
                if sent > room and replaced is None:
                    replaced = self._largest(container)
                if sent > room + (replaced or 0):
                    raise StorageLimitReached(owner, limit, param)

        return watch

    def _free(self, caller: Caller, container: Container | None) -> list[tuple[Owner, int, int]]:
        """Return the caller's limits of bytes, and how much is free of each."""
        limited = list(self._limited(caller))
        if not limited or (container is not None and container.backend == "native"):
            return []
        with self._database.read() as tx:
            now = self._clock()
            return [
                (owner, limit, limit - usage.count_bytes(tx, owner, now))
                for owner, limit in limited
            ]

    def _largest(self, container: Container | None) -> int:
        if container is None:
            return 0
        with self._database.read() as tx:
            return files.largest(tx, container.id)

    def _check_bytes(self, tx: Connection, caller: Caller, param: str) -> None:
        for owner, limit in self._limited(caller):
            if usage.exceeds(tx, owner, limit, self._clock()):
                raise StorageLimitReached(owner, limit, param)

    def _limited(self, caller: Caller) -> Iterator[tuple[Owner, int]]:
        for owner, limits in self._of(caller):
            if limits.max_bytes is not None:
                yield owner, limits.max_bytes

    def _of(self, caller: Caller) -> Iterator[tuple[Owner, Limits]]:
        """Yield whom the caller's costs are counted for, and their limits."""
        if caller.key is not None:
            yield Owner("key", caller.key.lineage), caller.key.limits
        yield Owner("tenant", caller.tenant), self._tenants.limits_of(caller.tenant)
