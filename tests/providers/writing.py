"""What every provider promises of files that are created."""

import hashlib

import pytest

from catalog.containers import Container
from catalog.files import File
from providers.base import Provider
from providers.errors import BerthError, FileNotFound, InvalidRequest
from tests.providers.parts import ALL, Records, Refused, Sent, read_all


class WritingContract:
    """The promises of `create_file` and `copy_file`."""

    def test_a_created_file_is_described(self, file: File, container: Container) -> None:
        assert (file.container_id, file.bytes, file.source) == (container.id, 7, "user")
        assert file.path.startswith("/mnt/data/")
        assert file.path.endswith("a.txt")
        assert file.sha256 in {None, hashlib.sha256(b"content").hexdigest()}

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 40], ids=len)
    def test_a_file_has_the_bytes_that_were_sent(
        self, provider: Provider, container: Container, records: Records, content: bytes
    ) -> None:
        file = provider.create_file(container, Sent(content), records)

        assert read_all(provider, container, file) == content
        assert file.bytes == len(content)
        assert file.sha256 in {None, hashlib.sha256(content).hexdigest()}

    def test_a_file_can_be_retrieved_and_listed(
        self, provider: Provider, container: Container, file: File
    ) -> None:
        content = provider.read_file(container, file.id)

        assert b"".join(content.read(0, 7)) == b"content"
        assert (content.path, content.size) == (file.path, file.bytes)
        assert content.sha256 == file.sha256
        assert provider.retrieve_file(container, file.id) == file
        assert provider.list_files(container, ALL).items == [file]

    def test_a_file_with_the_same_path_is_replaced(
        self, provider: Provider, container: Container, file: File, records: Records
    ) -> None:
        new = provider.create_file(container, Sent(b"new", file_path=file.path), records)

        assert new.path == file.path
        assert provider.list_files(container, ALL).items == [new]
        with pytest.raises(FileNotFound):
            provider.retrieve_file(container, file.id)

    def test_creating_a_file_is_recorded_once(self, file: File, records: Records) -> None:
        assert records.files == [file]
        assert records.kept

    def test_a_file_that_cannot_be_recorded_fails(
        self, provider: Provider, container: Container, refusing: Records
    ) -> None:
        with pytest.raises(Refused):
            provider.create_file(container, Sent(), refusing)

        assert refusing.calls == 1
        assert not refusing.kept

    def test_an_upload_that_breaks_off_leaves_nothing(
        self, provider: Provider, container: Container, records: Records
    ) -> None:
        with pytest.raises(InvalidRequest):
            provider.create_file(container, Sent(broken=True), records)

        assert records.calls == 0
        assert provider.list_files(container, ALL).items == []

    def test_a_path_outside_is_refused(
        self, provider: Provider, container: Container, records: Records
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            provider.create_file(container, Sent(file_path="../a.txt"), records)

        assert refused.value.param == "file_path"
        assert records.calls == 0

    def test_a_copy_of_a_file_that_does_not_exist_is_refused(
        self, provider: Provider, container: Container, records: Records
    ) -> None:
        with pytest.raises(BerthError) as refused:
            provider.copy_file(container, {"file_id": "file-missing"}, records)

        assert (refused.value.status, refused.value.param) == (404, "file_id")
        assert "file-missing" in refused.value.message
        assert records.calls == 0
