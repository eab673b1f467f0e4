"""A catalog that another process writes to for long: who needs it waits, and nobody else does."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.server import Server

HELD_S = 1.0
NEW = {"name": "n", "provider": "ollama"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("busy") / "data") as server:
        yield server


def seconds(method: str, url: str, **request: object) -> float:
    """Send a request that must succeed; return how long that took."""
    began = time.monotonic()
    answer = requests.request(method, url, timeout=20, **request)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def test_only_who_writes_waits_for_who_writes(server: Server) -> None:
    containers = f"{server.url}/openai/v1/containers"
    container = requests.post(containers, json=NEW, timeout=5).json()["id"]
    catalog: Path = server.data_dir / "catalog.db"
    with ThreadPoolExecutor() as threads, closing(sqlite3.connect(catalog)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        writes = [
            threads.submit(seconds, "POST", containers, json=NEW),
            threads.submit(seconds, "GET", f"{containers}/{container}"),
        ]
        time.sleep(0.1)
        reads = [
            seconds("GET", f"{server.url}/health"),
            seconds("GET", f"{containers}?provider=ollama"),
        ]
        time.sleep(HELD_S)
        other.execute("ROLLBACK")
        waited = [write.result() for write in writes]

    assert max(reads) < HELD_S / 2
    assert min(waited) > HELD_S
