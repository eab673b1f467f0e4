"""What the contract works with: uploads as clients send them, and records of what was done."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from catalog import leases
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.pages import PageRequest
from providers.base import Provider, Snapshot
from providers.errors import InvalidRequest

ALL = PageRequest(limit=100, order="asc")


@dataclass
class Sent:
    """An upload as it comes from a client; `broken` ones end with an error."""

    content: bytes = b"content"
    filename: str = "a.txt"
    content_type: str = "text/plain"
    file_path: str | None = None
    broken: bool = False
    most_bytes: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in small pieces."""
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]
        if self.broken:
            raise InvalidRequest("The client went away before the end of its body.")


class Records:
    """What a caller records: how often it was asked to, and whether that was kept."""

    def __init__(self, database: Database, error: Exception | None = None) -> None:
        self.files: list[File] = []
        self.calls = 0
        self._database = database
        self._error = error
        self._key = secrets.token_hex(8)

    def __call__(self, tx: sa.Connection, *files: File) -> None:
        self.calls += 1
        self.files += files
        leases.acquire(tx, self._key, "records", until=1, now=0)
        if self._error is not None:
            raise self._error

    @property
    def kept(self) -> bool:
        """Tell whether the transaction that was recorded in was committed."""
        query = sa.text("SELECT count(*) FROM leases WHERE name = :name")
        with self._database.read() as tx:
            return tx.execute(query, {"name": self._key}).scalar() == 1


def create_at(provider: Provider, **fields: Any) -> Snapshot:
    """Create a container at the provider's only deployment, or at none when it is hosted."""
    spec = {"name": "n", **fields}
    return provider.create_container(spec, provider.pick_deployment(None), secrets.token_hex(8))


def read_all(provider: Provider, container: Container, file: File) -> bytes:
    """Return a file's bytes."""
    return b"".join(provider.read_file(container, file.id).read(0, file.bytes or 0))


class Refused(Exception):
    """The caller of a provider does not want the change after all."""


def unrecorded(_tx: Connection) -> None:
    """Record nothing of a change."""
