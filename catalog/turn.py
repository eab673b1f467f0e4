"""A lock for threads and fibers."""

import threading
import time
from collections import deque

from catalog.waiting import Waiter, new_waiter


class Turn:
    """A lock that threads and fibers may wait for, and that tells whether anybody does.

    Who comes while nobody has it takes it, also before one that was woken for it: to pass it from
    hand to hand would let all wait for each one's waking up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._asleep: deque[Waiter] = deque()
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it, who will have it soon, or give up."""
        return self._waiting > 0

    def acquire(self, timeout_s: float) -> bool:
        """Take it, as nobody else can then; False when somebody else has it for so long."""
        with self._lock:
            if not self._held:
                self._held = True
                return True
            self._waiting += 1
        try:
            return self._wait(time.monotonic() + timeout_s)
        finally:
            with self._lock:
                self._waiting -= 1

    def release(self) -> None:
        """Let others take it."""
        with self._lock:
            self._held = False
            waiter = self._asleep.popleft() if self._asleep else None
        if waiter is not None:
            waiter.wake()

    def _wait(self, deadline: float) -> bool:
        while True:
            with self._lock:
                if not self._held:
                    self._held = True
                    return True
                waiter = new_waiter()
                self._asleep.append(waiter)
            if not waiter.wait(max(0, deadline - time.monotonic())):
                with self._lock:
                    if waiter in self._asleep:
                        self._asleep.remove(waiter)
                        return False
