"""No query of the catalog reads a whole table, or sorts what an index has in order."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import blob_owners, containers, files, idempotency, stored_files, usage
from catalog.database import Database
from catalog.idempotency import KeyId
from catalog.pages import PageRequest
from catalog.usage import Owner
from tests.rows import CONTAINER, FILE, STORED_FILE

TENANT, OWNER = Owner("tenant", "default"), Owner("key", "key_1")
KEY = KeyId("default", "container_create", "key")

Query = Callable[[sa.Connection], object]

QUERIES: dict[str, Query] = {
    "touch": lambda tx: containers.touch(tx, "default", "cntr_1", provider="openai", now=2),
    "find container": lambda tx: containers.find(
        tx, "default", "cntr_1", provider=None, kept_since=0
    ),
    "is alive": lambda tx: containers.is_alive(tx, "cntr_1", 2),
    "mark container deleted": lambda tx: containers.mark_deleted(tx, "cntr_1", 2),
    "end": lambda tx: containers.end(tx, "cntr_1", 2),
    "list containers": lambda tx: page_of_containers(tx, PageRequest()),
    "list containers on": lambda tx: page_of_containers(tx, PageRequest(after="cntr_1")),
    "list old containers": lambda tx: page_of_containers(tx, PageRequest(order="asc")),
    "find named containers": lambda tx: page_of_containers(tx, PageRequest(), name="n"),
    "select expired": lambda tx: containers.select_expired(tx, 2, 500),
    "purge containers": lambda tx: containers.purge(tx, kept_since=2),
    "find file": lambda tx: files.find(tx, "cntr_1", "cfile_1"),
    "replace": lambda tx: files.replace(tx, replace(FILE, id="cfile_2"), 2),
    "list files": lambda tx: files.select_files(tx, "cntr_1", PageRequest()),
    "list files on": lambda tx: files.select_files(tx, "cntr_1", PageRequest(after="cfile_1")),
    "mark file deleted": lambda tx: files.mark_deleted(tx, "cntr_1", "cfile_1", 2),
    "mark all files deleted": lambda tx: files.mark_all_deleted(tx, "cntr_1", 2),
    "select deleted blobs": lambda tx: blob_owners.select_deleted(tx, 500),
    "forget blobs": lambda tx: blob_owners.forget(tx, ["b"]),
    "select known blobs": lambda tx: blob_owners.select_known(tx, ["b", "c"]),
    "find stored file": lambda tx: stored_files.find(
        tx, "default", "file-1", provider="openai", now=2
    ),
    "know stored file": lambda tx: stored_files.exists(tx, "file-1"),
    "list stored files": lambda tx: page_of_stored_files(tx, PageRequest()),
    "list stored files on": lambda tx: page_of_stored_files(tx, PageRequest(after="file-1")),
    "list old stored files": lambda tx: page_of_stored_files(tx, PageRequest(order="asc")),
    "mark stored file deleted": lambda tx: stored_files.mark_deleted(tx, "file-1", 2),
    "end expired stored files": lambda tx: stored_files.end_expired(tx, 2, 500),
    "refresh stored file": lambda tx: stored_files.refresh(tx, STORED_FILE),
    "purge stored files": lambda tx: stored_files.purge(tx, kept_since=2),
    "purge files": lambda tx: files.purge(tx, kept_since=2),
    "count bytes": lambda tx: usage.count_bytes(tx, TENANT, 2),
    "count bytes of key": lambda tx: usage.count_bytes(tx, OWNER, 2),
    "add bytes": lambda tx: usage.add(tx, TENANT, 1),
    "give file": lambda tx: files.give(tx, ["cfile_1"], "key_1"),
    "find largest": lambda tx: files.largest(tx, "cntr_1"),
    "find key": lambda tx: idempotency.find(tx, KEY),
    "take key": lambda tx: idempotency.take(tx, KEY, "me", leased_until=3, now=2),
    "purge keys": lambda tx: idempotency.purge(tx, kept_since=2),
}


def page_of_containers(tx: sa.Connection, request: PageRequest, name: str | None = None) -> object:
    return containers.select_containers(tx, "default", "openai", request, name=name, kept_since=0)


def page_of_stored_files(tx: sa.Connection, request: PageRequest) -> object:
    return stored_files.select_files(tx, "default", "openai", request, purpose=None, now=2)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A catalog with one row in each table of things; no test here commits."""
    database = Database(tmp_path_factory.mktemp("queries") / "catalog.db")
    database.migrate()
    with database.write() as tx:
        containers.insert(tx, CONTAINER)
        files.replace(tx, FILE, 1)
        stored_files.insert(tx, STORED_FILE)
    yield database
    database.close()


def plans_of(database: Database, query: Query) -> list[str]:
    """Return how SQLite would do all that the query does; what it did is undone."""
    statements: list[str] = []
    with database.write() as tx:
        driver: Any = tx.connection.driver_connection
        driver.set_trace_callback(statements.append)
        query(tx)
        driver.set_trace_callback(None)
        plans = [
            row[3]
            for statement in statements
            for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
        tx.rollback()
    return plans


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_finds_its_rows_by_an_index(database: Database, query: Query) -> None:
    plans = plans_of(database, query)

    assert plans
    good = ("SEARCH", "CORRELATED", "LIST SUBQUERY")
    assert [plan for plan in plans if not plan.startswith(good)] == []


def test_a_query_that_reads_a_whole_table_would_be_noticed(database: Database) -> None:
    plans = plans_of(database, lambda tx: tx.execute(sa.text("SELECT * FROM files")))

    assert plans == ["SCAN files"]
