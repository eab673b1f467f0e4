"""What everything that keeps uploaded files promises."""

from dataclasses import dataclass

import pytest

from catalog.stored_files import StoredFile
from gateway.registry import Registry
from providers.errors import InvalidRequest, StoredFileNotFound
from providers.file_store import FileStore, Place
from tests.providers.parts import Refused, Sent


@dataclass
class Kept(Sent):
    """An upload to the Files API as it comes from a client."""

    purpose: str = "user_data"
    expires_seconds: int | None = None


class FilesContract:
    """The promises of `FileStore`, method by method."""

    @pytest.fixture
    def files(self, registry: Registry, name: str) -> FileStore:
        return registry.files_for_new(name)

    @pytest.fixture
    def place(self, registry: Registry, name: str) -> Place:
        return Place("default", name, registry.pick_file_deployment(name, None))

    @pytest.fixture
    def kept(self, files: FileStore, place: Place) -> StoredFile:
        return files.create_file(lambda: place, Kept(), lambda _tx, _file: None)

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 9000], ids=len)
    def test_an_uploaded_file_has_the_bytes_that_were_sent(
        self, files: FileStore, place: Place, content: bytes
    ) -> None:
        made = files.create_file(lambda: place, Kept(content), lambda _tx, _file: None)

        assert b"".join(files.read_file(made).read(0, made.bytes)) == content
        assert (made.bytes, made.filename, made.purpose) == (len(content), "a.txt", "user_data")
        assert (made.tenant, made.deployment) == (place.tenant, place.deployment)

    def test_an_uploaded_file_is_retrieved_as_it_is(
        self, files: FileStore, kept: StoredFile
    ) -> None:
        assert files.retrieve_file(kept) == kept

    def test_an_uploaded_file_expires_when_it_was_told_to(
        self, files: FileStore, place: Place
    ) -> None:
        made = files.create_file(lambda: place, Kept(expires_seconds=3600), lambda _tx, _file: None)

        assert made.expires_at == made.created_at + 3600

    def test_an_uploaded_file_that_breaks_off_is_not_recorded(
        self, files: FileStore, place: Place
    ) -> None:
        recorded: list[StoredFile] = []
        with pytest.raises(InvalidRequest):
            files.create_file(
                lambda: place, Kept(broken=True), lambda _tx, file: recorded.append(file)
            )

        assert recorded == []

    def test_an_uploaded_file_that_cannot_be_recorded_fails(
        self, files: FileStore, place: Place
    ) -> None:
        recorded: list[StoredFile] = []

        def refuse(_tx: object, file: StoredFile) -> None:
            recorded.append(file)
            raise Refused

        with pytest.raises(Refused):
            files.create_file(lambda: place, Kept(), refuse)
        with pytest.raises(StoredFileNotFound):
            files.retrieve_file(recorded[0])

    def test_a_deleted_upload_is_gone(self, files: FileStore, kept: StoredFile) -> None:
        files.delete_file(kept)

        with pytest.raises(StoredFileNotFound):
            files.retrieve_file(kept)
        with pytest.raises(StoredFileNotFound):
            files.delete_file(kept)
