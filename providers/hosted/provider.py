"""The hosted provider: files in the catalog, their bytes in the blob directory."""

from collections.abc import Callable, Iterator
from typing import Literal

from sqlalchemy import Connection

from blobs.directory import BlobDirectory, CorruptBlob, NewBlob
from catalog import files
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.pages import Page, PageRequest
from providers.base import Content, Json, Part, Snapshot, Upload
from providers.errors import BerthError, FileNotFound, InvalidRequest, NotFound
from providers.hosted import ids
from providers.hosted.paths import container_path

DEFAULT_MINUTES = 20
DEFAULT_MEMORY_LIMIT = "1g"


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
        for file_id in spec.get("file_ids", ()):
            raise _no_such_file(file_id, "file_ids")
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
        for blob in blobs:
            self._blobs.delete(blob)

    def create_file(
        self, container: Container, upload: Upload, record: Callable[[Connection, File], None]
    ) -> File:
        with self._blobs.create() as blob:
            for chunk in upload.chunks():
                blob.write(chunk)
            path = container_path(upload.filename, upload.file_path)
            blob.seal()
            file = self._new_file(container, path, blob)
            try:
                replaced = self._record(file, record)
            except BerthError:
                blob.discard()
                raise
        if replaced is not None:
            self._blobs.delete(replaced)
        return file

    def copy_file(
        self, container: Container, spec: Json, record: Callable[[Connection, File], None]
    ) -> File:
        del container, record  # nothing to copy from yet
        raise _no_such_file(spec["file_id"], "file_id")

    def list_files(self, container: Container, request: PageRequest) -> Page[File]:
        with self._database.read() as tx:
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
        size, sha256 = file.bytes or 0, file.sha256 or ""

        def read(start: int, stop: int) -> Iterator[bytes]:
            try:
                return self._blobs.read(file.blob or "", start, stop, size=size, sha256=sha256)
            except CorruptBlob:
                self.retrieve_file(container, file_id)  # deleted since: that is no corruption
                raise

        return Content(file.path, size, sha256, read)

    def delete_file(
        self, container: Container, file_id: str, record: Callable[[Connection], None]
    ) -> None:
        with self._database.write() as tx:
            blob = files.mark_deleted(tx, container.id, file_id, self._clock())
            if blob is None:
                raise FileNotFound(file_id, container.id)
            record(tx)
        self._blobs.delete(blob)

    def _new_file(self, container: Container, path: str, blob: NewBlob) -> File:
        now = self._clock()
        return File(
            id=ids.file_id(now),
            container_id=container.id,
            path=path,
            bytes=blob.bytes,
            sha256=blob.sha256,
            source="user",
            created_at=int(now),
            blob=blob.key,
        )

    def _record(self, file: File, record: Callable[[Connection, File], None]) -> str | None:
        with self._database.write() as tx:
            record(tx, file)
            return files.replace(tx, file, self._clock())


def _no_such_file(file_id: str, param: str) -> NotFound:
    return NotFound(f"File '{file_id}' not found.", param=param)
