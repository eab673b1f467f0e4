"""Lets threads and fibers write in turns, and makes durable together what several of them wrote.

SQLite has one writer at a time, and a durable commit keeps it waiting for the disk. So no commit
waits here: each goes into the write-ahead log, where all processes see it, and who must know that
it is durable waits for the log to be synced, without keeping anybody from writing. ADR 24 says why.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import OperationalError
from typing import TypeVar

import sqlalchemy as sa

from catalog.prepared import command
from catalog.shared_sync import SharedSync
from catalog.turn import Turn
from catalog.waiting import pause

T = TypeVar("T")

BUSY_TIMEOUT_S = 30
TRIES_AT_ONCE = 5
HASTY_TRIES = 20
BUSY_PAUSE_S = 0.005
"""While another process writes, as most do for some 50 µs: try at once, then as soon as others here
have run, and then now and then."""


class Writer:
    """The only way of one process to write; other processes write in between.

    The engine's connections neither wait for the disk when they commit, nor for other processes.
    `log` is where they write, and `empty_log` makes durable elsewhere all that is in it.
    """

    def __init__(self, engine: sa.Engine, log: Path, empty_log: Callable[[], None]) -> None:
        self._link = _Link(engine)
        self._log = log
        self._empty_log = empty_log
        self._log_is_lost = False
        self._turn = Turn()
        self._synced = SharedSync(self._sync, timeout_s=BUSY_TIMEOUT_S)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run the block and return when it is durable, as is all that was committed before it.

        Nothing of it happens when the block raises, or when it cannot be committed.
        """
        with self.notes() as tx:
            yield tx
        self._synced.wait()

    def note(self, statement: Callable[[sa.Connection], T]) -> T:
        """Run the one statement; it is durable with the next `write`, of any process."""
        with self.alone():
            return self._link.run(statement)

    @contextmanager
    def notes(self) -> Iterator[sa.Connection]:
        """Run the block's statements, all or none; they are as durable as a note."""
        with self.alone(), self._link.transaction() as tx:
            yield tx

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else of this process write while the block runs."""
        if not self._turn.acquire(BUSY_TIMEOUT_S):
            locked = OperationalError("database is locked")  # as SQLite says it of other processes
            raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, locked)
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close its connection."""
        self._link.close()

    def _sync(self) -> None:
        """Sync the log. Raises OSError."""
        if not self._log_is_lost:
            try:
                _sync_file(self._log)
            except OSError:  # a second try would tell nothing: the kernel forgets what it lost
                self._log_is_lost = True
        if self._log_is_lost:
            self._empty_log()
            self._log_is_lost = False


class _Link:
    """The one connection by which a process writes, open from its first use on.

    While another process writes, SQLite says so at once, and others run until the next try.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(begin=None)
        self._connection: sa.Connection | None = None

    def run(self, statement: Callable[[sa.Connection], T]) -> T:
        """Run a statement that is a transaction of its own."""
        try:
            return self._patiently(statement)
        finally:
            if self._connection is not None and self._connection.in_transaction():
                self._connection.commit()  # SQLAlchemy has begun one, of which SQLite knows nothing

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Run the block in a transaction, which ends with it."""
        tx = self._patiently(_begin)
        try:
            yield tx
        except BaseException:
            self.close()
            raise
        try:
            tx.commit()
        except BaseException:
            self._discard()
            raise

    def close(self) -> None:
        """Close the connection, and undo what was not committed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _discard(self) -> None:
        """Never use the connection again: SQLite goes on with what could not be committed."""
        if self._connection is not None:
            self._connection.invalidate()
            self.close()

    def _patiently(self, call: Callable[[sa.Connection], T]) -> T:
        """Return what the call returns, if need be when another process has written."""
        if self._connection is None:
            self._connection = self._engine.connect()
        deadline, tries = time.monotonic() + BUSY_TIMEOUT_S, 0
        while True:
            try:
                return call(self._connection)
            except sa.exc.OperationalError as exc:
                if "locked" not in str(exc.orig) or time.monotonic() > deadline:
                    raise
            tries += 1
            if tries >= TRIES_AT_ONCE:
                pause(0 if tries < HASTY_TRIES else BUSY_PAUSE_S)


def _begin(connection: sa.Connection) -> sa.Connection:
    command(connection, "BEGIN IMMEDIATE")
    connection.begin()
    return connection


def _sync_file(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # whoever closes the last connection of all empties and removes it
        return
    try:
        os.fdatasync(file)
    finally:
        os.close(file)
