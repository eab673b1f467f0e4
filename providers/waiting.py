"""Says that a thread waits for somebody else, so that whoever runs it can let others work."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

waiting: ContextVar[Callable[[], AbstractContextManager[None]]] = ContextVar(
    "waiting", default=nullcontext
)
"""`with waiting.get()():` surrounds what waits for a provider and needs no CPU meanwhile."""
