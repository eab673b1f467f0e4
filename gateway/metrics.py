"""What the gateway counts.

Each process counts in its memory and writes that to a file of its own now and then; whoever is
asked adds up the files of all. ADR 0021 says why this is not what prometheus-client brings.
"""

import os
import secrets
import shutil
import threading
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import orjson

SHARE_S = 1.0
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
COUNTERS = {
    "berth_requests": ("Requests that were answered.", ("operation", "status", "provider")),
    "berth_body_bytes": ("Bytes of bodies.", ("operation", "direction")),
    "berth_errors": ("Errors that were answered, but for those of providers.", ("code",)),
    "berth_upstream_calls": ("Calls to native providers.", ("provider", "deployment", "outcome")),
    "berth_swept": ("What the sweeper ended or removed.", ("what",)),
    "berth_reconciled": ("What reconciling found.", ("provider", "deployment", "result")),
}
"""Each counter's help and labels; values of labels are few, and none names a client or an id."""

SECONDS = "berth_request_seconds"
GAUGES = {
    "berth_containers": ("Containers that are alive.", ("provider", "backend")),
    "berth_stored_bytes": ("Bytes of hosted files that are there.", ("provider",)),
}
NOTHING = "none"
METRICS_ADDRESS = "127.0.0.1"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
Counts = dict[str, dict[Labels, float]]
"""Numbers by the name of a metric and its labels."""


@dataclass(slots=True)
class Served:
    """What is learned about a request while it is served."""

    provider: str = NOTHING
    code: str | None = None
    received: int = 0
    sent: int = 0


served: ContextVar[Served | None] = ContextVar("served", default=None)
"""Where the current request wants to be told who served it."""


class Metrics:
    """The counts of a process, and of all that share the directory. Any thread may call it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._counts: defaultdict[tuple[str | int, ...], float] = defaultdict(float)
        self._lock = threading.Lock()
        self._sharing = threading.Lock()

    def count(self, counter: str, *labels: str, by: float = 1) -> None:
        """Count something of a counter in `COUNTERS`."""
        with self._lock:
            self._counts[counter, *labels] += by

    def observe(self, operation: str, status: int, request: Served, seconds: float) -> None:
        """Count a request that was answered, with all that belongs to it."""
        with self._lock:
            counts = self._counts
            counts["berth_requests", operation, status, request.provider] += 1
            counts["berth_body_bytes", operation, "in"] += request.received
            counts["berth_body_bytes", operation, "out"] += request.sent
            counts[SECONDS, operation, bisect_left(BUCKETS_S, seconds)] += 1
            counts[SECONDS, operation, "sum"] += seconds
            if request.code is not None:
                counts["berth_errors", request.code] += 1

    def flush(self) -> None:
        """Share what was counted so far; a full disk has others who complain."""
        with self._sharing, suppress(OSError):
            with self._lock:
                rows = [[*key, count] for key, count in self._counts.items()]
            if rows:
                self._path.parent.mkdir(exist_ok=True)
                unfinished = self._path.with_suffix(".tmp")
                unfinished.write_bytes(orjson.dumps(rows))
                unfinished.replace(self._path)

    def total(self) -> Counts:
        """Return the sums over all processes."""
        self.flush()
        total: Counts = {}
        for path in self._path.parent.glob("*.json"):
            for name, *labels, count in orjson.loads(path.read_bytes()):
                counts = total.setdefault(name, {})
                key = tuple(map(str, labels))
                counts[key] = counts.get(key, 0) + count
        return total


def forget(directory: Path) -> None:
    """Remove what earlier processes counted: a server that starts begins at 0."""
    shutil.rmtree(directory, ignore_errors=True)
