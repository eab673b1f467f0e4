"""The shapes of answers, as the document has them."""

import secrets
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from catalog.containers import Container
from catalog.events import Event
from catalog.files import File
from catalog.keys import Key
from catalog.stored_files import StoredFile
from gateway.audit import Audit
from gateway.errors import meaning
from gateway.logs import request_id
from gateway.metrics import served
from providers.base import Json
from providers.errors import ProviderNotAllowed
from providers.exchange import Exchange, exchange

DEFAULT_PROVIDER = "openai"


@dataclass(frozen=True)
class Caller:
    """Who calls, from where, and what its headers ask for."""

    tenant: str
    actor: str = "anonymous"
    providers: frozenset[str] | None = None
    key: Key | None = None
    address: str | None = None
    idempotency_key: str | None = None
    deployment: str | None = None
    copy_files: bool = False
    raw_request: bool = False
    raw_response: bool = False

    @property
    def lineage(self) -> str | None:
        """The lineage of the caller's key, if there is one."""
        return self.key.lineage if self.key is not None else None

    def may_use(self, provider: str) -> bool:
        """Tell whether the caller's key is good for a provider."""
        return self.providers is None or provider in self.providers


class Call:
    """One call of an operation: which it is, who serves it, how long it takes, and its event."""

    def __init__(
        self,
        request_type: str,
        caller: Caller,
        provider: str | None,
        audit: Audit,
        *,
        container_id: str | None = None,
        file_id: str | None = None,
    ) -> None:
        self.request_type = request_type
        self.provider = provider or DEFAULT_PROVIDER
        self.container_id = container_id
        self.file_id = file_id
        self.exchange = Exchange()
        self._caller = caller
        self._audit = audit
        self._recorded = False
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

    def record(self, tx: Connection, container_id: str, file_id: str | None = None) -> None:
        """Record the event of this change in the transaction that makes it."""
        self.container_id, self.file_id = container_id, file_id
        self._audit.record(tx, self._event(container_id, 200, None))
        self._recorded = True

    def __enter__(self) -> Self:
        self._token = exchange.set(self.exchange)
        return self

    def serve_by(self, provider: str) -> None:
        """Say which provider serves the call. Raises ProviderNotAllowed for a key's others."""
        self.provider = provider
        if not self._caller.may_use(provider):
            raise ProviderNotAllowed(provider)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        exchange.reset(self._token)
        if (request := served.get()) is not None:
            request.provider = self.provider
        error = meaning(exc) if isinstance(exc, Exception) else None
        if error is not None:
            error.provider = self.provider
        if self.container_id is not None and (error or not self._recorded):
            status, code = (error.status, error.code) if error else (200, None)
            self._audit.gather(self._event(self.container_id, status, code))

    def _event(self, container_id: str, status: int, code: str | None) -> Event:
        return Event(
            id=f"evt_{secrets.token_hex(16)}",
            created_at=self._audit.now(),
            tenant=self._caller.tenant,
            actor=self._caller.actor,
            address=self._caller.address,
            request_id=request_id.get(),
            request_type=self.request_type,
            provider=self.provider,
            container_id=container_id,
            file_id=self.file_id,
            status=status,
            code=code,
        )


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


def event_body(event: Event) -> Json:
    """Return an event as clients see it; one about a key has no container."""
    body: Json = {"object": "container.event", **event.__dict__}
    if event.key_id is None:
        del body["key_id"]
        return body
    for field in ("provider", "container_id", "file_id"):
        del body[field]
    return body | {"object": "key.event"}


def key_body(key: Key) -> Json:
    """Return a key as admins see it: of the key itself only how it begins."""
    return {
        "id": key.id,
        "object": "key",
        "hint": key.hint,
        "tenant": key.tenant,
        "role": key.role,
        "providers": key.providers,
        "created_at": key.created_at,
        "expires_at": _seconds(key.expires_at),
        "revoked_at": _seconds(key.revoked_at),
        **asdict(key.limits),
    }


def stored_file_body(file: StoredFile) -> Json:
    """Return an uploaded file as clients see it."""
    body: Json = {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": file.status,
    }
    if file.expires_at is not None:
        body["expires_at"] = file.expires_at
    if file.status_details is not None:
        body["status_details"] = file.status_details
    return body


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


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
