"""The hosted provider: files in the catalog, their bytes in the blob directory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from blobs.directory import BlobDirectory, NewBlob
from catalog import containers, files, stored_files
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.pages import Page, PageRequest
from catalog.stored_files import StoredFile
from catalog.waiting import apart
from providers.base import Content, Json, Part, Snapshot, Upload
from providers.errors import FileNotFound, FileToCopyNotFound, InvalidRequest
from providers.hosted import ids
from providers.hosted.paths import container_path
from providers.hosted.storing import content_of, stored

DEFAULT_MINUTES = 20
DEFAULT_MEMORY_LIMIT = "1g"


@dataclass(frozen=True)
class Source:
    """A file to copy: where it goes, which field of the request names it, and its bytes.

    `chunks` is there when they are elsewhere.
    """

    file: StoredFile
    path: str
    param: str
    chunks: Callable[[], Iterator[bytes]] | None = None


class Hosted:
    """Serves the containers of every provider that has none of its own."""

    backend: Literal["hosted"] = "hosted"
    deployments: tuple[str, ...] = ()
    refuses = frozenset({"skills", "network_policy.allowlist", "network_policy.domain_secrets"})

    def __init__(
        self, database: Database, blobs: BlobDirectory, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def pick_deployment(self, wanted: str | None) -> None:
        if wanted is not None:
            raise InvalidRequest(
                "Hosted containers have no deployments.",
                param="x-berth-deployment",
                code="unknown_deployment",
            )

    def create_container(self, spec: Json, deployment: str | None, marker: str) -> Snapshot:
        del deployment, marker  # nothing leaves this machine, so nothing can be lost on its way
        now = self._clock()
        return Snapshot(
            id=ids.container_id(now),
            name=spec["name"],
            created_at=int(now),
            last_active_at=now,
            expires_minutes=int(spec.get("expires_after", {}).get("minutes", DEFAULT_MINUTES)),
            memory_limit=spec.get("memory_limit", DEFAULT_MEMORY_LIMIT),
            network_policy=spec.get("network_policy"),
        )

    def retrieve_container(self, container: Container) -> Snapshot:
        return Snapshot(
            id=container.id,
            name=container.name,
            created_at=container.created_at,
            last_active_at=container.last_active_at,
            expires_minutes=container.expires_minutes,
            memory_limit=container.memory_limit,
            network_policy=container.network_policy,
        )

    def delete_container(self, container: Container, record: Callable[[Connection], None]) -> None:
        with self._database.write() as tx:
            record(tx)
            blobs = files.mark_all_deleted(tx, container.id, self._clock())
        self._delete_blobs(blobs)

    def create_file(
        self, container: Container, upload: Upload, record: Callable[[Connection, File], None]
    ) -> File:
        return apart(self._store, container, upload, record)

    def copy_file(
        self, container: Container, spec: Json, record: Callable[[Connection, File], None]
    ) -> File:
        with self._database.read() as tx:
            source = self._find(tx, container, spec["file_id"], "file_id")
        path = container_path(source.filename, spec.get("file_path"))

        def record_one(tx: Connection, made: list[File]) -> None:
            record(tx, made[0])

        return self.add_files(container, [Source(source, path, "file_id")], record_one)[0]

    def add_files(
        self,
        container: Container,
        sources: Sequence[Source],
        record: Callable[[Connection, list[File]], None],
        *,
        new: bool = False,
    ) -> list[File]:
        """Copy files into the container, all or none, sharing the bytes that are here already.

        A `new` container is added with them. Raises FileToCopyNotFound.
        """
        with ExitStack() as stack:
            made = [self._copied(container, source, stack) for source in sources]
            with self._database.write() as tx:
                for source in sources:
                    if source.chunks is None:
                        self._find(tx, container, source.file.id, source.param)
                if new:
                    containers.insert(tx, container)
                replaced = [files.replace(tx, file, self._clock()) for file in made]
                record(tx, made)
        for blobs in replaced:
            self._delete_blobs(blobs)
        return made

    def list_files(self, container: Container, request: PageRequest) -> Page[File]:
        with self._database.look() as tx:
            return files.select_files(tx, container.id, request)

    def retrieve_file(self, container: Container, file_id: str) -> File:
        with self._database.look() as tx:
            file = files.find(tx, container.id, file_id)
        if file is None:
            raise FileNotFound(file_id, container.id)
        return file

    def read_file(self, container: Container, file_id: str, part: Part | None = None) -> Content:
        del part  # `read` returns any
        file = self.retrieve_file(container, file_id)
        return content_of(
            self._blobs, file, file.path, lambda: self.retrieve_file(container, file_id)
        )

    def delete_file(
        self, container: Container, file_id: str, record: Callable[[Connection], None]
    ) -> None:
        with self._database.write() as tx:
            blobs = files.mark_deleted(tx, container.id, file_id, self._clock())
            if blobs is None:
                raise FileNotFound(file_id, container.id)
            record(tx)
        self._delete_blobs(blobs)

    def _store(
        self, container: Container, upload: Upload, record: Callable[[Connection, File], None]
    ) -> File:
        with stored(self._blobs, upload.chunks()) as blob:
            path = container_path(upload.filename, upload.file_path)
            file = self._new_file(container, path, blob)
            with self._database.write() as tx:
                replaced = files.replace(tx, file, self._clock())
                record(tx, file)
        self._delete_blobs(replaced)
        return file

    def _copied(self, container: Container, source: Source, stack: ExitStack) -> File:
        """Return a new file, with the source's bytes or, from elsewhere, with a blob of them."""
        if source.chunks is None:
            return self._new_file(container, source.path, source.file)
        blob = apart(stack.enter_context, stored(self._blobs, source.chunks()))
        return self._new_file(container, source.path, blob)

    def _find(self, tx: Connection, container: Container, file_id: str, param: str) -> StoredFile:
        """Return a file of the container's tenant to share the bytes of."""
        source = stored_files.find(tx, container.tenant, file_id, provider=None, now=self._clock())
        if source is None or source.blob is None:
            raise FileToCopyNotFound(file_id, param)
        return source

    def _delete_blobs(self, blobs: Sequence[str]) -> None:
        if blobs:
            apart(self._blobs.delete, *blobs)

    def _new_file(self, container: Container, path: str, bytes_of: NewBlob | StoredFile) -> File:
        now = self._clock()
        return File(
            id=ids.file_id(now),
            container_id=container.id,
            path=path,
            bytes=bytes_of.bytes,
            sha256=bytes_of.sha256,
            source="user",
            created_at=int(now),
            blob=bytes_of.key if isinstance(bytes_of, NewBlob) else bytes_of.blob,
        )
