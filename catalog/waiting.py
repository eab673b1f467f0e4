"""Says that a thread waits for somebody else, so that whoever runs it can let others work."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

Waiting = ContextVar[Callable[[], AbstractContextManager[None]]]

provider_wait: Waiting = ContextVar("provider_wait", default=nullcontext)
"""`with provider_wait.get()():` surrounds what waits for a provider, a second or many."""

disk_wait: Waiting = ContextVar("disk_wait", default=nullcontext)
"""`with disk_wait.get()():` surrounds what waits for the disk, milliseconds."""
