"""What a provider promises as well when it keeps containers in the catalog: all or nothing."""

import hashlib

import pytest

from catalog.containers import Container
from catalog.files import File
from providers.base import Provider
from providers.errors import FileNotFound
from tests.providers.parts import ALL, Records, Refused, Sent, read_all, unrecorded


class TogetherContract:
    """The promises of a provider whose changes are visible when they are recorded, not before."""

    def test_the_hash_of_a_file_is_known(
        self, provider: Provider, container: Container, file: File
    ) -> None:
        digest = hashlib.sha256(b"content").hexdigest()

        assert file.sha256 == digest
        assert provider.read_file(container, file.id).sha256 == digest

    def test_a_deletion_that_is_not_recorded_deletes_nothing(
        self, provider: Provider, container: Container, file: File, refusing: Records
    ) -> None:
        with pytest.raises(Refused):
            provider.delete_container(container, refusing)

        assert not refusing.kept
        assert provider.list_files(container, ALL).items == [file]
        assert read_all(provider, container, file) == b"content"

    def test_a_file_that_is_not_recorded_does_not_exist(
        self, provider: Provider, container: Container, refusing: Records
    ) -> None:
        with pytest.raises(Refused):
            provider.create_file(container, Sent(), refusing)

        assert refusing.calls == 1
        assert not refusing.kept
        assert provider.list_files(container, ALL).items == []
        with pytest.raises(FileNotFound):
            provider.retrieve_file(container, refusing.files[0].id)

    def test_a_replacement_that_is_not_recorded_replaces_nothing(
        self, provider: Provider, container: Container, file: File, refusing: Records
    ) -> None:
        with pytest.raises(Refused):
            provider.create_file(container, Sent(b"new", file_path=file.path), refusing)

        assert provider.list_files(container, ALL).items == [file]
        assert read_all(provider, container, file) == b"content"

    def test_a_file_deleted_before_its_first_byte_is_read_is_not_found(
        self, provider: Provider, container: Container, file: File
    ) -> None:
        content = provider.read_file(container, file.id)
        provider.delete_file(container, file.id, unrecorded)

        with pytest.raises(FileNotFound):
            content.read(0, 7)
