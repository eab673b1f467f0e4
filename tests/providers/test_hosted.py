"""The hosted provider keeps the contract, and its bytes where it says."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Connection

from blobs.directory import BlobDirectory, CorruptBlob
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from gateway.config import complete
from gateway.registry import Registry
from providers.base import Provider
from providers.errors import IdempotencyKeyInUse
from tests.conftest import Clock
from tests.providers.contract import ProviderContract
from tests.providers.parts import Records, Refused, Sent, unrecorded
from tests.providers.together import TogetherContract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def registry(database: Database, root: Path, clock: Clock) -> Registry:
    return Registry(complete({}), database, BlobDirectory(root), threads=1, clock=clock)


def stored(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.rglob("*") if path.is_file()]


class TestHosted(ProviderContract, TogetherContract):
    """Everything that any provider promises, and more."""

    @pytest.fixture
    def name(self) -> str:
        return "ollama"


class TestBlobs:
    """What is particular to a provider whose bytes lie in a directory."""

    @pytest.fixture
    def provider(self, registry: Registry) -> Provider:
        return registry.for_new("ollama")

    @pytest.fixture
    def file(self, provider: Provider, container: Container, database: Database) -> File:
        return provider.create_file(container, Sent(), Records(database))

    def blob(self, root: Path, file: File) -> Path:
        assert file.blob is not None
        return root / file.blob[:2] / file.blob

    def test_the_bytes_are_on_disk_before_they_are_recorded(
        self, provider: Provider, container: Container, root: Path
    ) -> None:
        def record(_tx: Connection, file: File) -> None:
            assert self.blob(root, file).read_bytes() == b"content"

        provider.create_file(container, Sent(), record)

    def test_a_blob_is_not_named_after_its_file(self, root: Path, file: File) -> None:
        assert stored(root) == [b"content"]
        assert "a.txt" not in self.blob(root, file).name
        assert str(file.sha256) not in self.blob(root, file).name

    def test_a_replaced_files_bytes_are_removed_at_once(
        self, provider: Provider, container: Container, database: Database, root: Path
    ) -> None:
        for content in (b"old", b"new"):
            provider.create_file(container, Sent(content), Records(database))

        assert stored(root) == [b"new"]

    def test_a_deleted_files_bytes_are_removed_at_once(
        self, provider: Provider, container: Container, root: Path, file: File
    ) -> None:
        provider.delete_file(container, file.id, unrecorded)

        assert stored(root) == []

    def test_a_deleted_containers_bytes_are_removed_at_once(
        self, provider: Provider, container: Container, database: Database, root: Path
    ) -> None:
        provider.create_file(container, Sent(), Records(database))
        provider.delete_container(container, Records(database))

        assert stored(root) == []

    def test_bytes_that_the_service_refused_are_removed_at_once(
        self, provider: Provider, container: Container, database: Database, root: Path
    ) -> None:
        with pytest.raises(IdempotencyKeyInUse):
            provider.create_file(container, Sent(), Records(database, IdempotencyKeyInUse(1)))

        assert stored(root) == []

    def test_bytes_stay_when_nobody_knows_whether_they_were_recorded(
        self, provider: Provider, container: Container, database: Database, root: Path
    ) -> None:
        with pytest.raises(Refused):
            provider.create_file(container, Sent(), Records(database, Refused()))

        assert stored(root) == [b"content"]

    def test_a_missing_blob_is_noticed_before_its_first_byte(
        self, provider: Provider, container: Container, root: Path, file: File
    ) -> None:
        self.blob(root, file).unlink()

        with pytest.raises(CorruptBlob):
            provider.read_file(container, file.id).read(0, 1)

    def test_a_blob_that_was_cut_is_noticed_before_its_first_byte(
        self, provider: Provider, container: Container, root: Path, file: File
    ) -> None:
        os.truncate(self.blob(root, file), 3)

        with pytest.raises(CorruptBlob):
            provider.read_file(container, file.id).read(0, 1)

    def test_changed_bytes_are_not_given_out(
        self, provider: Provider, container: Container, root: Path, file: File
    ) -> None:
        self.blob(root, file).write_bytes(b"CONTENT")

        with pytest.raises(CorruptBlob):
            b"".join(provider.read_file(container, file.id).read(0, 7))
