"""API keys as admins handle them, by HTTP and on the command line; each change leaves an event."""

import secrets
import time
from collections.abc import Callable

from sqlalchemy import Connection

from catalog import events, keys
from catalog.database import Database
from catalog.events import Event
from catalog.keys import Key
from catalog.limits import NAMES, Limits
from catalog.pages import PageRequest
from gateway.answers import Caller, deleted_body, key_body, list_body
from gateway.keys import KeyRing
from gateway.logs import request_id
from providers.base import Json
from providers.errors import InvalidRequest, KeyExpired, KeyNotFound


class KeyService:
    """Makes, shows, revokes and replaces the keys of all tenants, for callers who may."""

    def __init__(self, database: Database, ring: KeyRing, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._ring = ring
        self._clock = clock

    def create_key(self, caller: Caller, spec: Json) -> Json:
        """Make a key from a body that the document found valid; this answer alone has its secret.

        Raises InvalidRequest for an idempotency key: to answer again, the secret would be kept.
        """
        started = time.perf_counter()
        if caller.idempotency_key is not None:
            message = "'Idempotency-Key' is not supported here: no key is told twice."
            raise InvalidRequest(message, param="Idempotency-Key", code="unsupported_parameter")
        key, secret = self._ring.create(
            spec["tenant"],
            spec.get("role", "member"),
            sorted(set(spec["providers"])) if "providers" in spec else None,
            spec.get("expires_in_seconds"),
            Limits(**{name: spec.get(name) for name in NAMES}),
            record=lambda tx, key: self._record(tx, caller, key.tenant, ("key_create", key.id)),
        )
        return _answer("key_create", started, {**key_body(key), "secret": secret})

    def list_keys(self, request: PageRequest, *, tenant: str | None = None) -> Json:
        """Return a page of the keys that are not revoked. Raises UnknownCursor."""
        started = time.perf_counter()
        with self._database.read() as tx:
            page = keys.select_keys(tx, tenant, request, self._clock())
        body = list_body([key_body(key) for key in page.items], has_more=page.has_more)
        return _answer("key_list", started, body)

    def list_all_keys(self) -> list[Key]:
        """Return all keys, the oldest first; revoked ones too."""
        with self._database.read() as tx:
            return list(keys.select_all_keys(tx))

    def retrieve_key(self, key_id: str) -> Json:
        """Return a key that is not revoked. Raises KeyNotFound."""
        started = time.perf_counter()
        with self._database.read() as tx:
            key = keys.find_by_id(tx, key_id, self._clock())
        if key is None:
            raise KeyNotFound(key_id)
        return _answer("key_retrieve", started, key_body(key))

    def revoke_key(self, caller: Caller, key_id: str) -> Json:
        """Let a key end now. Raises KeyNotFound, also for one that has ended so before."""
        started = time.perf_counter()
        revoked = self._ring.revoke(
            key_id,
            record=lambda tx, key: self._record(tx, caller, key.tenant, ("key_revoke", key.id)),
        )
        if revoked is None:
            raise KeyNotFound(key_id)
        return _answer("key_revoke", started, deleted_body("key", key_id))

    def rotate_key(self, caller: Caller, key_id: str, *, grace_s: int = 0) -> Json:
        """Make a key that may do the same as this one, which ends after a grace time.

        Raises KeyNotFound and KeyExpired.
        """
        started = time.perf_counter()
        made = self._ring.rotate(
            key_id,
            grace_s,
            record=lambda tx, key: self._record(
                tx, caller, key.tenant, ("key_rotate", key_id), ("key_create", key.id)
            ),
        )
        if made is None:
            self.retrieve_key(key_id)
            raise KeyExpired(key_id)
        key, secret = made
        return _answer("key_rotate", started, {**key_body(key), "secret": secret})

    def _record(self, tx: Connection, caller: Caller, tenant: str, *done: tuple[str, str]) -> None:
        """Record what was done to which keys in the transaction that does it."""
        added = [
            Event(
                id=f"evt_{secrets.token_hex(16)}",
                created_at=int(self._clock()),
                tenant=tenant,
                actor=caller.actor,
                address=caller.address,
                request_id=request_id.get(),
                request_type=request_type,
                provider=None,
                container_id=None,
                file_id=None,
                status=200,
                code=None,
                key_id=key_id,
            )
            for request_type, key_id in done
        ]
        events.insert(tx, added)


def _answer(request_type: str, started: float, body: Json) -> Json:
    latency = round((time.perf_counter() - started) * 1000)
    extra_fields = {"request_type": request_type, "latency": latency, "chunk_index": 0}
    return {**body, "extra_fields": extra_fields}
