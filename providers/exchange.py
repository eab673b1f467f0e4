"""What was said to a provider and what it answered, for a caller that wants to see it."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class Exchange:
    """The last call upstream: its JSON both ways, never bytes of files, and how long it took."""

    request: Json | None = None
    response: Json | None = None
    seconds: float | None = None

    def sent(self, body: Json) -> None:
        """Keep a request, without what it tells in confidence."""
        self.request = _without_secrets(body)


exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""Where the current request wants its calls upstream to be kept."""


def _without_secrets(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_secrets(v) for k, v in node.items() if k != "domain_secrets"}
    return [_without_secrets(item) for item in node] if isinstance(node, list) else node


def without(secret: str, node: Any) -> Any:
    """Return JSON in which no text has the secret any more; an empty one is none."""
    if isinstance(node, str):
        return node.replace(secret, "***") if secret else node
    if isinstance(node, dict):
        return {without(secret, key): without(secret, value) for key, value in node.items()}
    return [without(secret, item) for item in node] if isinstance(node, list) else node
