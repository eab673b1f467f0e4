"""A lock for threads and fibers."""

import threading
import time
from collections import deque

from catalog.waiting import Waiter, new_waiter, this_fiber


class Turn:
    """A lock that threads and fibers may wait for.

    Who comes while nobody has it takes it. When it is free again, one of the threads that wait is
    woken, and all fibers: those have it one after the other, at once. To pass it on from one to the
    next would let everybody who comes meanwhile wait too, and so on without an end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._fibers: list[Waiter] = []
        self._threads: deque[Waiter] = deque()

    def acquire(self, timeout_s: float) -> bool:
        """Take it, as nobody else can then; False when somebody else has it for so long."""
        with self._lock:
            if not self._held:
                self._held = True
                return True
        return self._wait(time.monotonic() + timeout_s)

    def release(self) -> None:
        """Let others take it."""
        with self._lock:
            self._held = False
            woken = [*self._fibers]
            self._fibers.clear()
            if self._threads:
                woken.append(self._threads.popleft())
        for waiter in woken:
            waiter.wake()

    def _wait(self, deadline: float) -> bool:
        while True:
            with self._lock:
                if not self._held:
                    self._held = True
                    return True
                waiter = new_waiter()
                asleep = self._threads if this_fiber() is None else self._fibers
                asleep.append(waiter)
            if not waiter.wait(max(0, deadline - time.monotonic())):
                with self._lock:
                    if waiter in asleep:  # else it is woken just now, and tries once more
                        asleep.remove(waiter)
                        return False
