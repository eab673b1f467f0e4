"""The events of a process: who did what to which container, from where, and with which answer.

The event of a change is recorded in the transaction that makes the change. Those of reads and of
refusals are gathered and recorded together, as notes: a process that is killed loses at most
`FLUSH_S` of them, and a power cut those since the last checkpoint.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from catalog import events
from catalog.database import Database
from catalog.events import Event

FLUSH_S = 0.5
TOGETHER = 50
MOST_GATHERED = 10_000
"""How many events wait while the catalog cannot be written, as on a full disk; no more after."""


class Audit:
    """Keeps events. Any thread may call it."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._gathered: list[Event] = []
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the time that an event of now has, in unix seconds."""
        return int(self._clock())

    def record(self, tx: Connection, event: Event) -> None:
        """Record the event of a change together with the change."""
        events.insert(tx, [event])

    def gather(self, event: Event) -> None:
        """Record an event soon."""
        with self._lock:
            self._gathered.append(event)
            enough = len(self._gathered) >= TOGETHER
        if enough:
            self.flush_if_possible()

    def flush_if_possible(self) -> None:
        """Record what was gathered; it waits on where the catalog cannot be written now."""
        with suppress(OperationalError):
            self.flush()

    def flush(self) -> None:
        """Record what was gathered, a few at a time, so that nobody waits long to write."""
        with self._lock:
            gathered, self._gathered = self._gathered, []
        try:
            while gathered:
                with self._database.notes() as tx:
                    events.insert(tx, gathered[:TOGETHER])
                del gathered[:TOGETHER]
        except OperationalError:
            with self._lock:
                self._gathered = (gathered + self._gathered)[:MOST_GATHERED]
            raise

    def export(self, *, tenant: str | None, since: float) -> Iterator[Event]:
        """Yield all events since a time in unix seconds, oldest first."""
        with self._database.read() as tx:
            yield from events.export(tx, tenant=tenant, since=since)
