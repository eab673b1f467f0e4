"""What keeps uploaded files: the interface that hosted and native ones implement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import Connection

from catalog.stored_files import StoredFile
from providers.base import Content, Part, Upload


class FileUpload(Upload, Protocol):
    """A file of the Files API on its way in. These fields are known once `chunks` has ended."""

    @property
    def purpose(self) -> str:
        """What the file is for. Raises InvalidRequest when the form does not say it."""

    @property
    def expires_seconds(self) -> int | None:
        """How long after its creation the file expires. Raises InvalidRequest."""


@dataclass(frozen=True)
class Place:
    """Whose a new file is, and where it goes; hosted files are at no deployment."""

    tenant: str
    provider: str
    deployment: str | None


class FileStore(Protocol):
    """One method per operation; listing files is the catalog's.

    A method that changes something calls `record` exactly once, in the transaction that makes the
    change visible.
    """

    @property
    def backend(self) -> Literal["hosted", "native"]:
        """Who keeps the files: Berth, or the provider's own API."""

    def create_file(
        self,
        where: Callable[[], Place],
        upload: FileUpload,
        record: Callable[[Connection, StoredFile], None],
    ) -> StoredFile:
        """Store the upload. Returns once it is durable.

        `where` says where to, by what of the upload has been read; it is asked again at its end,
        and raises InvalidRequest for a place that should have been known before.
        """

    def retrieve_file(self, file: StoredFile) -> StoredFile:
        """Return the file as it is known now. Raises StoredFileNotFound."""

    def read_file(self, file: StoredFile, part: Part | None = None) -> Content:
        """Return the file's name and a way to its bytes, or to a part if a provider cuts files.

        Raises StoredFileNotFound, and RangeNotSatisfiable in the provider's name.
        """

    def delete_file(self, file: StoredFile) -> None:
        """Delete the file. Raises StoredFileNotFound."""
