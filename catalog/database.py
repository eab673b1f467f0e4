"""Opens the catalog's database and hands out its transactions."""

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from catalog.writer import BUSY_TIMEOUT_S, Writer

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"
LONG_LOG_PAGES = 1000
LOG_KEPT_BYTES = 4 * 4096 * LONG_LOG_PAGES
CHECKPOINT_WAIT_MS = 50
PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "journal_size_limit": LOG_KEPT_BYTES,
}


class CatalogError(Exception):
    """The catalog cannot be opened, or is not of this version."""


class Database:
    """One SQLite database in WAL mode, shared by all threads and processes that open it.

    Threads of one process write by turns: SQLite would let each of them sleep and try again.
    """

    def __init__(self, path: Path, *, connections: int = 64) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(path, connections)
        self._looker = self._engine.execution_options(begin=None)
        # A commit does not wait for the disk, so neither may it make a checkpoint.
        self._writing = _engine(path, 1, busy_timeout=0, wal_autocheckpoint=0)
        self._checkpoints = _engine(path, 1, busy_timeout=CHECKPOINT_WAIT_MS)
        self._writer = Writer(self._writing, Path(f"{path}-wal"), self._empty_log)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Run the block on one consistent snapshot."""
        with self._engine.begin() as tx:
            yield tx

    @contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """Run the block's queries, which need not see the same moment, without a transaction."""
        with self._looker.connect() as connection:
            yield connection

    def write(self) -> AbstractContextManager[sa.Connection]:
        """Run the block as the only writer; commit it durably, or not at all when it raises."""
        return self._writer.write()

    def note(self, statement: Callable[[sa.Connection], T]) -> T:
        """Write, by one statement, what no answer promises; it may be run again if it fails.

        All processes see it at once; a power cut may undo it, until the next `write` or checkpoint.
        """
        return self._writer.note(statement)

    def notes(self) -> AbstractContextManager[sa.Connection]:
        """Write by several statements, all or none of them, as `note` does by one."""
        return self._writer.notes()

    def checkpoint(self) -> None:
        """Move what was written from the log into the tables, so that the log stays short."""
        log, moved = self._checkpoint("PASSIVE")
        # While others write there is no end to it, unless they may not for a moment. A log of which
        # little was moved is being read: to wait for that would keep the writers waiting.
        if log > LONG_LOG_PAGES and log - moved < LONG_LOG_PAGES:
            with self._writer.alone():
                self._checkpoint("RESTART")

    def _empty_log(self) -> None:
        log, moved = self._checkpoint("FULL")
        if moved < log:
            raise OSError(errno.EIO, "The catalog's log cannot be written to the disk.")

    def _checkpoint(self, mode: str) -> tuple[int, int]:
        """Return how many pages the log has, and how many of them are in the tables now."""
        with self._checkpoints.execution_options(begin=None).connect() as connection:
            text = f"PRAGMA wal_checkpoint({mode})"
            _, log, moved = connection.exec_driver_sql(text).one()
        return log, moved

    def migrate(self) -> None:
        """Bring the tables to the newest version; a second process waits and finds it done.

        Raises CatalogError.
        """
        if self._version() == newest_migration():
            return
        from alembic.util import CommandError  # noqa: PLC0415 - most starts can do without

        from catalog.upgrade import upgrade  # noqa: PLC0415

        try:
            with self.write() as tx:
                upgrade(tx)
        except (sa.exc.DBAPIError, CommandError) as exc:
            reason = exc.orig if isinstance(exc, sa.exc.DBAPIError) else exc
            raise CatalogError(f"{self._path.resolve()} cannot be used: {reason}.") from exc

    def _version(self) -> str | None:
        """Return the last migration that was run; None when none was, or it cannot be told."""
        try:
            with self.look() as connection:
                return connection.execute(
                    sa.text("SELECT version_num FROM alembic_version")
                ).scalar()
        except sa.exc.DBAPIError:
            return None

    def close(self) -> None:
        """Close all connections."""
        self._writer.close()
        for engine in (self._engine, self._writing, self._checkpoints):
            engine.dispose()


def newest_migration() -> str:
    """Return the newest migration: its number is the first four characters of its file's name."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("0*.py"))[:4]


def _engine(path: Path, connections: int, **pragmas: str | int) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite:///{path}",
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # so that what one thread can do opens one connection
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # an error's text is logged, and these are what clients sent
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", partial(_configure, pragmas))
    sa.event.listen(engine, "begin", _begin)
    return engine


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _configure(
    pragmas: Mapping[str, str | int], connection: SQLiteConnection, _record: Any
) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event starts transactions instead
    for name, value in {**PRAGMAS, **pragmas}.items():
        connection.execute(f"PRAGMA {name}={value}")


def _begin(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    if begin is not None:
        connection.exec_driver_sql(begin)
