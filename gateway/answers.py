"""The shapes of answers, as the document has them."""

import time
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

from catalog.containers import Container
from catalog.files import File
from providers.base import Json
from providers.errors import BerthError
from providers.exchange import Exchange, exchange

DEFAULT_PROVIDER = "openai"


@dataclass(frozen=True)
class Caller:
    """Who calls, and what its headers ask for."""

    tenant: str
    idempotency_key: str | None = None
    deployment: str | None = None
    raw_request: bool = False
    raw_response: bool = False


class Call:
    """One call of an operation: which it is, who serves it, and how long it takes."""

    def __init__(self, request_type: str, provider: str | None) -> None:
        self.request_type = request_type
        self.provider = provider or DEFAULT_PROVIDER
        self.exchange = Exchange()
        self._started = time.perf_counter()

    @cached_property
    def latency(self) -> int:
        """Milliseconds the provider took, or from the start to when this was first asked."""
        if self.exchange.seconds is not None:
            return round(self.exchange.seconds * 1000)
        return round((time.perf_counter() - self._started) * 1000)

    def extra_fields(self, backend: str, deployment: str | None) -> Json:
        """Return what every answer tells of the call."""
        fields: Json = {
            "request_type": self.request_type,
            "provider": self.provider,
            "latency": self.latency,
            "chunk_index": 0,
            "backend": backend,
        }
        if deployment is not None:
            fields["model_deployment"] = deployment
        return fields

    def __enter__(self) -> Self:
        self._token = exchange.set(self.exchange)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        exchange.reset(self._token)
        if isinstance(exc, BerthError):
            exc.provider = self.provider


def container_body(container: Container, now: float) -> Json:
    """Return a container as clients see it."""
    body = {
        "id": container.id,
        "object": "container",
        "name": container.name,
        "created_at": container.created_at,
        "status": "expired" if container.expired(now) else "running",
        "expires_after": {"anchor": "last_active_at", "minutes": container.expires_minutes},
        "last_active_at": int(container.last_active_at),
        "memory_limit": container.memory_limit,
        "metadata": container.metadata,
    }
    if container.network_policy is not None:
        body["network_policy"] = container.network_policy
    return body


def file_body(file: File) -> Json:
    """Return a file as clients see it."""
    return {
        "id": file.id,
        "object": "container.file",
        "container_id": file.container_id,
        "path": file.path,
        "bytes": file.bytes,
        "created_at": file.created_at,
        "source": file.source,
    }


def list_body(data: list[Json], *, has_more: bool) -> Json:
    """Return a page as clients see it; the ids of an empty one are empty."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else "",
        "last_id": data[-1]["id"] if data else "",
        "has_more": has_more,
    }


def deleted_body(kind: str, id_: str) -> Json:
    """Return the receipt of a deletion; `kind` is `container` or `container.file`."""
    return {"id": id_, "object": f"{kind}.deleted", "deleted": True}
