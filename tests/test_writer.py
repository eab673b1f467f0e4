"""Writing to the catalog from many threads: each block is all or nothing; waiting is shared."""

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from catalog.database import Database

BLOCKS = 20
ORPHAN = "INSERT INTO files VALUES (1, 'f', 'nowhere', '/p', 0, '', 'user', 1, NULL, NULL, 'me')"

Block = Callable[[sa.Connection, int], None]


class Refused(Exception):
    """What a block raises that does not want to have happened."""


class Disk:
    """Counts the syncs; the first waits until it is released, and `broken` ones fail."""

    def __init__(self, *, broken: bool = False) -> None:
        self.syncs = 0
        self.busy = threading.Event()
        self.released = threading.Event()
        self._broken = broken

    def sync(self, file: int) -> None:
        """Stand in for `os.fdatasync`."""
        del file
        self.syncs += 1
        self.busy.set()
        self.released.wait(10)
        if self._broken:
            raise OSError(errno.EIO, "Input/output error")


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
        with database.write():
            futures = [threads.submit(write, number) for number in range(BLOCKS)]
            for _ in range(BLOCKS):
                coming.acquire()
        return futures


def done(futures: list[Future[None]]) -> set[int]:
    return {number for number, future in enumerate(futures) if future.exception() is None}


def test_who_writes_while_the_disk_is_busy_shares_the_next_sync(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.sync)

    def write(number: int) -> None:
        with database.write() as tx:
            insert(tx, number)

    with ThreadPoolExecutor(BLOCKS) as threads:
        futures = [threads.submit(write, 0)]
        assert disk.busy.wait(5)
        futures += [threads.submit(write, number) for number in range(1, BLOCKS)]
        while written(database) != set(range(BLOCKS)):
            time.sleep(0.001)
        unanswered = not any(future.done() for future in futures)
        disk.released.set()

    assert unanswered
    assert done(futures) == set(range(BLOCKS))
    assert disk.syncs == 2


def test_a_block_that_raises_undoes_itself_alone(database: Database) -> None:
    def block(tx: sa.Connection, number: int) -> None:
        insert(tx, number)
        if number % 2:
            raise Refused

    futures = write_together(database, block)

    assert done(futures) == written(database) == set(range(0, BLOCKS, 2))
    assert isinstance(futures[1].exception(), Refused)


@pytest.mark.parametrize("broken", range(0, BLOCKS, 5))
def test_a_commit_that_fails_undoes_its_block_alone(database: Database, broken: int) -> None:
    def block(tx: sa.Connection, number: int) -> None:
        insert(tx, number)
        if number == broken:
            tx.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            tx.exec_driver_sql(ORPHAN)

    futures = write_together(database, block)

    assert done(futures) == written(database) == set(range(BLOCKS)) - {broken}
    assert isinstance(futures[broken].exception(), sa.exc.IntegrityError)


def test_a_log_that_the_disk_lost_is_written_into_the_tables(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(broken=True)
    disk.released.set()
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    with database.write() as tx:
        insert(tx, 1)
    without_log = tmp_path / "copy.db"
    shutil.copy(tmp_path / "catalog.db", without_log)
    with closing(sqlite3.connect(without_log)) as copy:
        kept = copy.execute("SELECT name FROM leases").fetchall()

    assert kept == [("1",)]


def test_a_log_that_cannot_be_written_anywhere_is_told_until_it_can(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(broken=True)
    disk.released.set()
    monkeypatch.setattr(os, "fdatasync", disk.sync)

    def write(number: int) -> None:
        with database.write() as tx:
            insert(tx, number)

    with database.read() as reader:
        reader.execute(sa.text("SELECT 1 FROM leases"))  # and so keeps the log from being emptied
        for number in (1, 2):
            with pytest.raises(OSError, match="log"):
                write(number)
    write(3)

    assert written(database) == {1, 2, 3}
    assert disk.syncs == 1


def test_the_log_stays_short_however_much_is_written(tmp_path: Path, database: Database) -> None:
    with database.write() as tx:
        insert(tx, 1)
    noted, enough = 0, threading.Event()

    def write_ten_pages(tx: sa.Connection) -> None:
        tx.execute(sa.text("UPDATE leases SET holder = hex(randomblob(20000))"))

    def keep_noting() -> None:
        nonlocal noted
        while not enough.wait(0.0001):
            database.note(write_ten_pages)
            noted += 1

    thread = threading.Thread(target=keep_noting)
    thread.start()
    for _ in range(10):
        until = noted + 300
        while noted < until and thread.is_alive():
            time.sleep(0.001)
        database.checkpoint()
    enough.set()
    thread.join()

    assert noted >= 3000
    assert (tmp_path / "catalog.db-wal").stat().st_size < noted * 40_000 / 3
