"""Lets threads and fibers write in turns, and makes durable together what several of them wrote.

SQLite has one writer at a time, and each durable commit waits for the disk. While one commit does,
the next writers gather; each then runs its block in the same transaction, under a savepoint, and
the last of them commits for all. ADR 24 says why.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sqlite3 import OperationalError
from typing import TypeVar

import sqlalchemy as sa

from catalog.prepared import command
from catalog.turn import Turn
from catalog.waiting import Waiter, apart, new_waiter

T = TypeVar("T")

BUSY_TIMEOUT_S = 30
MOST_TOGETHER = 64
HASTY_TRIES = 5
"""How often to try while another process writes, as most do for some 50 µs, before waiting."""


class Writer:
    """The only way of one process to write; other processes write in between."""

    def __init__(self, durable: sa.Engine, relaxed: sa.Engine) -> None:
        self._durable = _Link(durable)
        self._relaxed = _Link(relaxed)
        self._turn = Turn()
        self._group: _Group | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run the block and return when it is durable; nothing of it happens when it raises."""
        with self._taking_turns():
            group = self._group or self._begin()
            with self._block(group):
                yield group.tx
        group.wait()

    def note(self, statement: Callable[[sa.Connection], T]) -> T:
        """Run the one statement; it is durable only with what else is being written."""
        with self._taking_turns():
            group = self._group
            if group is None:
                return self._relaxed.run(statement)
            with self._block(group):
                result = statement(group.tx)
        group.wait()
        return result

    @contextmanager
    def notes(self) -> Iterator[sa.Connection]:
        """Run the block's statements, all or none; they are as durable as a note."""
        with self._taking_turns():
            group = self._group
            if group is None:
                with self._relaxed.transaction() as tx:
                    yield tx
            else:
                with self._block(group):
                    yield group.tx
        if group is not None:
            group.wait()

    def close(self) -> None:
        """Close its connections."""
        self._durable.close()
        self._relaxed.close()

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Let nobody else write; leave what was written to the next, or commit if there is none."""
        if not self._turn.acquire(BUSY_TIMEOUT_S):
            self._end_abandoned()
            locked = OperationalError("database is locked")  # as SQLite says it of other processes
            raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, locked)
        try:
            yield
        finally:
            try:
                self._end_unless_somebody_waits()
            finally:
                self._turn.release()

    def _end_abandoned(self) -> None:
        """Commit what was left to this caller just when it gave up waiting."""
        if self._group is not None and self._turn.acquire(BUSY_TIMEOUT_S):
            try:
                self._end_unless_somebody_waits()
            finally:
                self._turn.release()

    def _end_unless_somebody_waits(self) -> None:
        group = self._group
        if group is not None and not (self._turn.wanted and group.blocks < MOST_TOGETHER):
            self._end(group)

    def _begin(self) -> "_Group":
        self._group = _Group(self._durable.begin())
        return self._group

    @contextmanager
    def _block(self, group: "_Group") -> Iterator[None]:
        """Undo what the block did when it raises, and nothing that others did before."""
        others = group.blocks > 0
        if others:
            command(group.tx, "SAVEPOINT block")
        try:
            yield
            if others:
                command(group.tx, "RELEASE block")
            group.blocks += 1
        except BaseException as exc:
            self._undo(group, exc, others=others)
            raise

    def _undo(self, group: "_Group", exc: BaseException, *, others: bool) -> None:
        if not others:
            self._end(group, exc)
            return
        try:
            command(group.tx, "ROLLBACK TO block")
        except sa.exc.DBAPIError as lost:  # SQLite undid all of it, as when the disk is full
            self._end(group, exc if isinstance(exc, sa.exc.DBAPIError) else lost)

    def _end(self, group: "_Group", error: BaseException | None = None) -> None:
        """Commit, or undo it all for an error."""
        self._group = None
        try:
            if error is None:
                apart(group.tx.commit)
            else:
                self._durable.close()
        except BaseException as exc:
            error = exc
            self._durable.discard()
            if not isinstance(exc, sa.exc.DBAPIError):
                raise
        finally:
            group.end(error)


class _Group:
    """A transaction of several blocks; `error` is why none of them happened."""

    def __init__(self, tx: sa.Connection) -> None:
        self.tx = tx
        self.blocks = 0
        self.error: BaseException | None = None
        self._ended = False
        self._waiters: list[Waiter] = []
        self._lock = threading.Lock()

    def end(self, error: BaseException | None = None) -> None:
        """Let all blocks know how it ended."""
        with self._lock:
            self.error, self._ended = error, True
        for waiter in self._waiters:
            waiter.wake()

    def wait(self) -> None:
        """Return when the blocks are durable. Raises what kept them from it."""
        with self._lock:
            waiter = None if self._ended else new_waiter()
            if waiter is not None:
                self._waiters.append(waiter)
        if waiter is not None:
            waiter.wait()
        if self.error is not None:
            raise self.error


class _Link:
    """The one connection by which a process writes in one way, open from its first use on.

    While another process writes, SQLite says so at once: who wants to wait does that apart.
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

    def begin(self) -> sa.Connection:
        """Begin a transaction, and return the connection that it is on."""
        return self._patiently(_begin)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Run the block in a transaction, which ends with it."""
        tx = self.begin()
        try:
            yield tx
            tx.commit()
        except BaseException:
            self.discard()
            raise

    def close(self) -> None:
        """Close the connection, and undo what was not committed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def discard(self) -> None:
        """Never use the connection again: SQLite goes on with what could not be committed."""
        if self._connection is not None:
            self._connection.invalidate()
            self.close()

    def _patiently(self, call: Callable[[sa.Connection], T]) -> T:
        """Return what the call returns, if need be when another process has written."""
        if self._connection is None:
            self._connection = self._engine.connect()
        for _ in range(HASTY_TRIES):
            try:
                return call(self._connection)
            except sa.exc.OperationalError as exc:
                if "locked" not in str(exc.orig):
                    raise
        result: T = apart(self._wait_and, call, self._connection)
        return result

    def _wait_and(self, call: Callable[[sa.Connection], T], connection: sa.Connection) -> T:
        command(connection, f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000:.0f}")
        try:
            return call(connection)
        finally:
            command(connection, "PRAGMA busy_timeout=0")


def _begin(connection: sa.Connection) -> sa.Connection:
    command(connection, "BEGIN IMMEDIATE")
    connection.begin()
    return connection
