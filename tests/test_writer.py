"""Writing to the catalog from many threads: each block is all or nothing; commits are shared."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog.database import Database

BLOCKS = 20
ORPHAN = "INSERT INTO files VALUES (1, 'f', 'nowhere', '/p', 0, '', 'user', 1, NULL, NULL, 'me')"

Block = Callable[[sa.Connection, int], None]


class Refused(Exception):
    """What a block raises that does not want to have happened."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "catalog.db")
    database.migrate()
    yield database
    database.close()


def insert(tx: sa.Connection, number: int) -> None:
    tx.execute(sa.text("INSERT INTO leases VALUES (:name, 'me', 1)"), {"name": str(number)})


def written(database: Database) -> set[int]:
    with database.read() as tx:
        return {int(name) for name in tx.execute(sa.text("SELECT name FROM leases")).scalars()}


def write_together(database: Database, block: Block) -> list[Future[None]]:
    """Run the block in many threads, which all come while another one writes."""
    coming = threading.Semaphore(0)

    def write(number: int) -> None:
        coming.release()
        with database.write() as tx:
            block(tx, number)

    with ThreadPoolExecutor(BLOCKS) as threads:
        with suppress(sa.exc.DBAPIError), database.write():  # it may share the others' commit
            futures = [threads.submit(write, number) for number in range(BLOCKS)]
            for _ in range(BLOCKS):
                coming.acquire()
        return futures


def done(futures: list[Future[None]]) -> set[int]:
    return {number for number, future in enumerate(futures) if future.exception() is None}


def test_many_blocks_share_a_commit(database: Database) -> None:
    commits: list[sa.Connection] = []
    with database.read() as tx:
        sa.event.listen(tx.engine, "commit", commits.append)
    futures = write_together(database, insert)

    assert done(futures) == written(database) == set(range(BLOCKS))
    assert len(commits) < BLOCKS


def test_a_block_that_raises_undoes_itself_alone(database: Database) -> None:
    def block(tx: sa.Connection, number: int) -> None:
        insert(tx, number)
        if number % 2:
            raise Refused

    futures = write_together(database, block)

    assert done(futures) == written(database) == set(range(0, BLOCKS, 2))
    assert isinstance(futures[1].exception(), Refused)


@pytest.mark.parametrize("broken", range(0, BLOCKS, 5))
def test_who_shares_a_commit_that_fails_is_told(database: Database, broken: int) -> None:
    def block(tx: sa.Connection, number: int) -> None:
        insert(tx, number)
        if number == broken:
            tx.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            tx.exec_driver_sql(ORPHAN)

    futures = write_together(database, block)

    assert done(futures) == written(database)
    assert isinstance(futures[broken].exception(), sa.exc.IntegrityError)


@pytest.mark.parametrize("broken", range(0, BLOCKS, 5))
def test_who_shares_a_transaction_that_sqlite_undoes_is_told(
    database: Database, broken: int
) -> None:
    def block(tx: sa.Connection, number: int) -> None:
        insert(tx, number)
        if number == broken:
            tx.exec_driver_sql(f"INSERT OR ROLLBACK INTO leases VALUES ('{number}', 'me', 1)")

    futures = write_together(database, block)

    assert done(futures) == written(database)
    assert isinstance(futures[broken].exception(), sa.exc.IntegrityError)
