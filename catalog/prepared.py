"""Statements that are compiled once.

For each execution SQLAlchemy builds what few callers ask for, and looks up again what it compiled:
around a query of one row that costs several times what SQLite takes for it. A `Prepared` is written
in SQLAlchemy's language too, with `bindparam` where a value goes, but the driver's cursor runs it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Row = tuple[Any, ...]
Statement = sa.Select[Any] | sa.Insert | sa.Update | sa.Delete
Convert = Callable[[Any], Any] | None


@dataclass(frozen=True)
class _Compiled:
    """A statement as a driver takes it, with what becomes of each value on its way in and out."""

    text: str
    fixed: Mapping[str, Any]
    parameters: Sequence[tuple[str, Convert]]
    columns: Sequence[tuple[int, Callable[[Any], Any]]]


class Prepared:
    """A statement to be run with its values given by name.

    An insert takes its `columns`' values.
    """

    def __init__(self, statement: Statement, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, tx: sa.Connection, values: Mapping[str, Any]) -> list[Row]:
        """Run the statement and return its rows."""
        compiled, cursor = self._run(tx, values)
        with _as_sqlalchemy(tx.dialect, compiled.text):  # a change ends, and may fail, only here
            rows = cursor.fetchall()
        cursor.close()
        return [_converted(row, compiled) for row in rows] if compiled.columns else rows

    def first(self, tx: sa.Connection, values: Mapping[str, Any]) -> Row | None:
        """Run the statement and return the first of its rows; None when there is none."""
        rows = self.rows(tx, values)
        return rows[0] if rows else None

    def run(self, tx: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run the statement and return how many rows it changed."""
        _, cursor = self._run(tx, values)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def run_each(self, tx: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement, an insert, with the values of each row, all at once.

        For one row after the other a thread would hand the GIL to and fro.
        """
        compiled = self._compiled_for(tx.dialect)
        insert, _, row = compiled.text.rpartition(" VALUES ")
        text = f"{insert} VALUES {', '.join([row] * len(rows))}"
        parameters = [value for values in rows for value in _parameters(compiled, values)]
        cursor = tx.connection.cursor()
        with _as_sqlalchemy(tx.dialect, text):
            cursor.execute(text, parameters)
        cursor.close()

    def _run(self, tx: sa.Connection, values: Mapping[str, Any]) -> tuple[_Compiled, Any]:
        compiled = self._compiled_for(tx.dialect)
        cursor = tx.connection.cursor()
        with _as_sqlalchemy(tx.dialect, compiled.text):
            cursor.execute(compiled.text, _parameters(compiled, values))
        return compiled, cursor

    def _compiled_for(self, dialect: sa.Dialect) -> _Compiled:
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        types = {name: parameter.type for name, parameter in compiled.binds.items()}
        returned = getattr(self._statement, "exported_columns", ())
        columns = [column.type.dialect_impl(dialect) for column in returned]
        results = enumerate(column.result_processor(dialect, None) for column in columns)
        self._compiled[dialect.name] = _Compiled(
            compiled.string,
            compiled.params,
            [
                (name, types[name].dialect_impl(dialect).bind_processor(dialect))
                for name in compiled.positiontup or ()
            ],
            [(place, convert) for place, convert in results if convert is not None],
        )
        return self._compiled[dialect.name]


def command(tx: sa.Connection, text: str) -> None:
    """Run what has neither values nor rows."""
    with _as_sqlalchemy(tx.dialect, text):
        tx.connection.cursor().execute(text)


def _parameters(compiled: _Compiled, values: Mapping[str, Any]) -> list[Any]:
    given = {**compiled.fixed, **values}
    return [
        given[name] if convert is None else convert(given[name])
        for name, convert in compiled.parameters
    ]


def _converted(row: Row, compiled: _Compiled) -> Row:
    values = list(row)
    for place, convert in compiled.columns:
        values[place] = convert(values[place])
    return tuple(values)


@contextmanager
def _as_sqlalchemy(dialect: sa.Dialect, text: str) -> Iterator[None]:
    """Raise the driver's exceptions as every other statement does."""
    error = dialect.loaded_dbapi.Error
    try:
        yield
    except error as exc:
        raise sa.exc.DBAPIError.instance(
            text, None, exc, error, hide_parameters=True, dialect=dialect
        ) from exc
