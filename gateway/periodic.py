"""Work that a process does again and again beside serving requests."""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("berth.periodic")


class Background(Protocol):
    """What a process does beside serving requests."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Wait for its end."""


class Periodic:
    """Calls a function now and then every `interval_s`, in a thread, until it is stopped."""

    def __init__(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        self._interval_s = interval_s
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the round that is under way, and end the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        reason = ""
        while True:
            try:
                self._work()
                reason = ""
            except Exception as exc:
                if str(exc) != reason:  # once is enough for what goes on, as a full disk does
                    logger.exception("%s failed; the next round tries again", self._thread.name)
                reason = str(exc)
            if self._stop.wait(self._interval_s):
                return
