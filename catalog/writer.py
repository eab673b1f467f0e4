"""Lets threads write in turns, and makes durable together what several of them wrote.

SQLite has one writer at a time, and each durable commit waits for the disk. While one commit does,
the next writers gather; each then runs its block in the same transaction, under a savepoint, and
the last of them commits for all. ADR 24 says why.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import OperationalError

import sqlalchemy as sa

from catalog.waiting import disk_wait

BUSY_TIMEOUT_S = 30
MOST_TOGETHER = 64


class _Group:
    """A transaction of several blocks; `error` is why none of them happened."""

    def __init__(self, tx: sa.Connection) -> None:
        self.tx = tx
        self.blocks = 0
        self.error: BaseException | None = None
        self._ended = threading.Event()

    def end(self, error: BaseException | None = None) -> None:
        """Let all blocks know how it ended."""
        self.error = error
        self._ended.set()

    def wait(self) -> None:
        """Return when the blocks are durable. Raises what kept them from it."""
        if not self._ended.is_set():
            with disk_wait.get()():
                self._ended.wait()
        if self.error is not None:
            raise self.error


class Writer:
    """The only way of one process to write; other processes write in between."""

    def __init__(self, durable: sa.Engine, relaxed: sa.Engine) -> None:
        self._durable = durable
        self._relaxed = relaxed
        self._transacted = relaxed.execution_options(begin="BEGIN IMMEDIATE")
        self._turn = threading.Lock()
        self._waiting: list[None] = []  # as many as threads; to append and to pop is atomic
        self._group: _Group | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run the block and return when it is durable; nothing of it happens when it raises."""
        with self._taking_turns():
            group = self._group or self._begin()
            with self._block(group):
                yield group.tx
        group.wait()

    @contextmanager
    def note(self, *, several: bool = False) -> Iterator[sa.Connection]:
        """Run the block's one statement; it is durable only with what else is being written.

        With `several` statements all of them happen, or none.
        """
        with self._taking_turns():
            group = self._group
            if group is None:
                relaxed = self._transacted if several else self._relaxed
                with relaxed.begin() as connection:
                    yield connection
            else:
                with self._block(group):
                    yield group.tx
        if group is not None:
            group.wait()

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Let nobody else write; leave what was written to the next, or commit if there is none."""
        self._waiting.append(None)
        in_time = self._turn.acquire(timeout=BUSY_TIMEOUT_S)
        self._waiting.pop()
        if not in_time:
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
        """Commit what was left to this thread just when it gave up waiting."""
        if self._group is not None:
            with self._turn:
                self._end_unless_somebody_waits()

    def _end_unless_somebody_waits(self) -> None:
        group = self._group
        if group is not None and not (self._waiting and group.blocks < MOST_TOGETHER):
            self._end(group)

    def _begin(self) -> _Group:
        tx = self._durable.connect()
        try:
            tx.begin()
        except BaseException:
            tx.close()
            raise
        self._group = _Group(tx)
        return self._group

    @contextmanager
    def _block(self, group: _Group) -> Iterator[None]:
        """Undo what the block did when it raises, and nothing that others did before."""
        others = group.blocks > 0
        if others:
            group.tx.exec_driver_sql("SAVEPOINT block")
        try:
            yield
            if others:
                group.tx.exec_driver_sql("RELEASE block")
            group.blocks += 1
        except BaseException as exc:
            self._undo(group, exc, others=others)
            raise

    def _undo(self, group: _Group, exc: BaseException, *, others: bool) -> None:
        if not others:
            self._end(group, exc)
            return
        try:
            group.tx.exec_driver_sql("ROLLBACK TO block")
        except sa.exc.DBAPIError as lost:  # SQLite undid all of it, as when the disk is full
            self._end(group, exc if isinstance(exc, sa.exc.DBAPIError) else lost)

    def _end(self, group: _Group, error: BaseException | None = None) -> None:
        """Commit, or undo it all for an error."""
        self._group = None
        try:
            if error is None:
                with disk_wait.get()():
                    group.tx.commit()
        except BaseException as exc:
            error = exc
            group.tx.invalidate()  # SQLite goes on with a transaction that could not be committed
            if not isinstance(exc, sa.exc.DBAPIError):
                raise
        finally:
            try:
                group.tx.close()
            finally:
                group.end(error)
