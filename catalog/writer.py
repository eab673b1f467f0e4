"""Lets threads write in turns, and makes durable together what several of them wrote.

SQLite has one writer at a time, and each durable commit waits for the disk. While one commit does,
the next writers queue; each then runs its block in the same transaction, under a savepoint, and the
last of them commits for all. ADR 24 says why.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from sqlite3 import OperationalError

import sqlalchemy as sa

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
        self._ended.wait()
        if self.error is not None:
            raise self.error


class Writer:
    """The only way of one process to write; other processes write in between."""

    def __init__(self, durable: sa.Engine, relaxed: sa.Engine) -> None:
        self._durable = durable
        self._relaxed = relaxed
        self._transacted = relaxed.execution_options(begin="BEGIN IMMEDIATE")
        self._lock = threading.Lock()
        self._busy = False
        self._queue: deque[threading.Lock] = deque()
        self._group: _Group | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run the block and return when it is durable; nothing of it happens when it raises."""
        self._take_turn()
        try:
            group = self._group or self._begin()
            with self._block(group):
                yield group.tx
        finally:
            self._pass_on()
        group.wait()

    @contextmanager
    def note(self, *, several: bool = False) -> Iterator[sa.Connection]:
        """Run the block's one statement; it is durable only with what else is being written.

        With `several` statements all of them happen, or none.
        """
        self._take_turn()
        group = self._group
        try:
            if group is None:
                relaxed = self._transacted if several else self._relaxed
                with relaxed.begin() as connection:
                    yield connection
            else:
                with self._block(group):
                    yield group.tx
        finally:
            self._pass_on()
        if group is not None:
            group.wait()

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
                group.tx.commit()
        except sa.exc.DBAPIError as exc:
            error = exc
            group.tx.invalidate()  # SQLite goes on with a transaction that could not be committed
        finally:
            with suppress(sa.exc.DBAPIError):
                group.tx.close()
            group.end(error)

    def _take_turn(self) -> None:
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        if turn.acquire(timeout=BUSY_TIMEOUT_S):
            return
        with self._lock:
            if turn in self._queue:  # else it has just been given
                self._queue.remove(turn)
                locked = OperationalError("database is locked")  # as of other processes
                raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, locked)

    def _pass_on(self) -> None:
        """Give the turn to who waits for it; commit before when nobody does, or enough have."""
        group = self._group
        if group is not None:
            with self._lock:
                goes_on = bool(self._queue) and group.blocks < MOST_TOGETHER
            if not goes_on:
                self._end(group)
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._busy = False
