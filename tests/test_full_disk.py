"""A disk without room: what cannot be stored is refused, what was stored stays readable.

The kernel refuses a process to write files beyond a size as it does on a full disk, and can be told
to at any time: that needs no disk of its own and no privileges.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.calls import blobs_in, ids
from tests.envelope import refusal
from tests.remote import PROVIDER, TIMEOUT_S, create, download, upload
from tests.server import Server

LARGE = bytes(9_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as server:
        yield server


@contextmanager
def no_file_beyond(server: Server, size: int) -> Iterator[None]:
    """Let the worker's files end at a size within the block."""
    (worker,) = server.workers()
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.prlimit(worker, resource.RLIMIT_FSIZE, before)


def send(files: str, content: bytes) -> requests.Response:
    return requests.post(files, params=PROVIDER, files={"file": ("b", content)}, timeout=TIMEOUT_S)


def test_a_file_for_which_there_is_no_room_is_507(server: Server) -> None:
    files = create(server.url)
    kept = upload(files, b"kept")
    blobs = blobs_in(server.data_dir)
    with no_file_beyond(server, 8_000_000):
        answer = send(files, LARGE)

        assert refusal(answer, 507)["code"] == "storage_full"
        assert blobs_in(server.data_dir) == blobs
        assert download(server.url, kept) == b"kept"
        assert download(server.url, upload(files, b"small", "c.txt")) == b"small"


def test_what_is_stored_is_read_where_the_catalog_cannot_grow(server: Server) -> None:
    files = create(server.url)
    kept = upload(files, b"kept")
    with no_file_beyond(server, (server.data_dir / "catalog.db-wal").stat().st_size):
        container = requests.get(files.removesuffix("/files"), PROVIDER, timeout=TIMEOUT_S)

        assert container.json()["status"] == "running"
        assert ids(requests.get(files, PROVIDER, timeout=TIMEOUT_S).json()) == [kept["id"]]
        assert download(server.url, kept) == b"kept"

    assert download(server.url, upload(files, b"small", "c.txt")) == b"small"
