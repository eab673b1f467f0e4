"""Opens the catalog's database and hands out its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

BUSY_TIMEOUT_S = 30


class CatalogError(Exception):
    """The catalog cannot be opened, or is not of this version."""


class Database:
    """One SQLite database in WAL mode, shared by all threads and processes that open it.

    Every commit is synced to disk before it returns: an answer promises what it says.
    """

    def __init__(self, path: Path, *, connections: int = 64) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            pool_size=connections,
            max_overflow=0,
            hide_parameters=True,  # an error's text is logged, and these are what clients sent
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Run the block on one consistent snapshot."""
        with self._engine.begin() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run the block as the only writer; commit it durably, or not at all when it raises."""
        with self._writer.begin() as tx:
            yield tx

    def migrate(self) -> None:
        """Bring the tables to the newest version; a second process waits and finds it done.

        Raises CatalogError.
        """
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            with self.write() as tx:
                config.attributes["connection"] = tx
                command.upgrade(config, "head")
        except (sa.exc.DBAPIError, CommandError) as exc:
            reason = exc.orig if isinstance(exc, sa.exc.DBAPIError) else exc
            raise CatalogError(f"{self._path.resolve()} cannot be used: {reason}.") from exc

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _configure(connection: SQLiteConnection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event starts transactions instead
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    connection.exec_driver_sql(begin)
