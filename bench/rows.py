"""Fills a catalog with as many containers and files as a measurement wants, before it is served."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalog import tables
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from providers.hosted import ids

BATCH = 10_000
PROVIDER = "ollama"


def fill(data_dir: Path, *, containers: int, files: int = 0) -> tuple[list[str], list[str]]:
    """Make a catalog; return the ids of its containers, and of the files, all in the first one."""
    database = Database(data_dir / "catalog.db")
    try:
        database.migrate()
        made = _insert(
            database, tables.containers, (asdict(_container()) for _ in range(containers))
        )
        rows = (asdict(_file(made[0], n)) for n in range(files))
        return made, _insert(database, tables.files, rows)
    finally:
        database.close()


def _insert(database: Database, table: sa.Table, rows: Iterator[dict[str, Any]]) -> list[str]:
    made: list[str] = []
    while batch := list(islice(rows, BATCH)):
        with database.write() as tx:
            tx.execute(sa.insert(table), batch)
        made += [row["id"] for row in batch]
    return made


def _container() -> Container:
    now = time.time()
    return Container(
        id=ids.container_id(now),
        tenant="default",
        provider=PROVIDER,
        backend="hosted",
        name="bench",
        metadata={},
        memory_limit="1g",
        network_policy=None,
        expires_minutes=24 * 60,
        created_at=int(now),
        last_active_at=now,
        expires_at=now + 24 * 3600,
    )


def _file(container_id: str, number: int) -> File:
    now = time.time()
    return File(
        id=ids.file_id(now),
        container_id=container_id,
        path=f"/mnt/data/{number:06d}.txt",
        bytes=1,
        sha256=secrets.token_hex(32),
        source="user",
        created_at=int(now),
        blob=secrets.token_hex(16),
    )
