"""A circuit breaker: after repeated failures a deployment is left alone for a while."""

import threading
import time
from collections.abc import Callable

FAILURES = 5
OPEN_S = 30


class Circuit:
    """Closed while calls work, open after `FAILURES` in a row, half-open after `OPEN_S`.

    Half-open lets one call through; it closes the circuit, or opens it for as long again.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    @property
    def wait_s(self) -> float:
        """Seconds until the next call may be tried; 0 when one may be tried now."""
        return max(0.0, self._open_until - self._clock())

    def enter(self) -> bool:
        """Tell whether a call may be made now; when half-open, only to the first who asks."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self.wait_s > 0:
                return False
            self._open_until = self._clock() + OPEN_S
            return True

    def succeed(self) -> None:
        """Close the circuit."""
        with self._lock:
            self._failures = 0
            self._open_until = 0.0

    def fail(self) -> None:
        """Count a failure."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._open_until = self._clock() + OPEN_S
