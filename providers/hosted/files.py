"""Uploaded files that Berth keeps: records in the catalog, bytes in the blob directory."""

from collections.abc import Callable
from typing import Literal

from sqlalchemy import Connection

from blobs.directory import BlobDirectory
from catalog import stored_files
from catalog.database import Database
from catalog.stored_files import StoredFile
from catalog.waiting import apart
from providers.base import Content, Part
from providers.errors import StoredFileNotFound
from providers.file_store import FileUpload, Place
from providers.hosted import ids
from providers.hosted.paths import ROOT, container_path
from providers.hosted.storing import content_of, stored

BATCH_EXPIRES_S = 30 * 24 * 3600  # as OpenAI's files with purpose `batch` do


class HostedFiles:
    """Keeps the uploaded files of every provider that has no Files API of its own."""

    backend: Literal["hosted"] = "hosted"

    def __init__(
        self, database: Database, blobs: BlobDirectory, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def create_file(
        self,
        where: Callable[[], Place],
        upload: FileUpload,
        record: Callable[[Connection, StoredFile], None],
    ) -> StoredFile:
        return apart(self._store, where, upload, record)

    def retrieve_file(self, file: StoredFile) -> StoredFile:
        with self._database.read() as tx:
            found = stored_files.find(tx, file.tenant, file.id, provider=None, now=self._clock())
        if found is None:
            raise StoredFileNotFound(file.id)
        return found

    def read_file(self, file: StoredFile, part: Part | None = None) -> Content:
        del part  # `read` returns any
        return content_of(self._blobs, file, file.filename, lambda: self.retrieve_file(file))

    def delete_file(self, file: StoredFile) -> None:
        with self._database.write() as tx:
            blobs = stored_files.mark_deleted(tx, file.id, self._clock())
        if blobs is None:
            raise StoredFileNotFound(file.id)
        if blobs:
            apart(self._blobs.delete, *blobs)

    def _store(
        self,
        where: Callable[[], Place],
        upload: FileUpload,
        record: Callable[[Connection, StoredFile], None],
    ) -> StoredFile:
        with stored(self._blobs, upload.chunks()) as blob:
            place, now = where(), self._clock()
            file = StoredFile(
                id=ids.stored_file_id(now),
                tenant=place.tenant,
                provider=place.provider,
                backend=self.backend,
                deployment=None,
                filename=container_path(upload.filename, None).removeprefix(f"{ROOT}/"),
                purpose=upload.purpose,
                bytes=blob.bytes,
                sha256=blob.sha256,
                status="processed",
                status_details=None,
                created_at=int(now),
                expires_at=_expires_at(upload, int(now)),
                blob=blob.key,
            )
            with self._database.write() as tx:
                stored_files.insert(tx, file)
                record(tx, file)
        return file


def _expires_at(upload: FileUpload, created_at: int) -> int | None:
    if upload.expires_seconds is not None:
        return created_at + upload.expires_seconds
    return created_at + BATCH_EXPIRES_S if upload.purpose == "batch" else None
