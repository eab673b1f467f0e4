"""Waiting for what happens in another process."""

import time
from collections.abc import Callable

TIMEOUT_S = 30


def wait_until(holds: Callable[[], bool], *, timeout_s: float = TIMEOUT_S) -> None:
    """Return as soon as `holds` does. Raises TimeoutError when it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {timeout_s} seconds in vain.")
        time.sleep(0.02)
