"""What the operations on containers and on files have in common."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from catalog import containers, intents
from catalog.containers import Container
from catalog.database import Database
from catalog.intents import Intent
from gateway.answers import Call, Caller
from gateway.audit import Audit
from gateway.copies import Copies, Watcher
from gateway.file_lookup import FileLookup
from gateway.idempotency import Claim, IdempotencyKeys
from gateway.lookup import Lookup
from gateway.quotas import Quotas
from gateway.registry import Registry
from providers.base import Json
from providers.errors import ContainerExpired, ContainerGone
from providers.upstream_errors import UpstreamError

RENEW_S = 3


class Operations:
    """The parts that the services stand on."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        lookup: Lookup,
        audit: Audit,
        quotas: Quotas,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._registry = registry
        self._lookup = lookup
        self._audit = audit
        self._quotas = quotas
        self._clock = clock
        self._keys = IdempotencyKeys(database, clock=clock)
        self._files = FileLookup(database, registry, clock=clock)
        self._copies = Copies(database, registry, self._files)

    def _call(
        self,
        request_type: str,
        caller: Caller,
        provider: str | None,
        container_id: str | None = None,
        file_id: str | None = None,
    ) -> Call:
        return Call(
            request_type,
            caller,
            provider,
            self._audit,
            container_id=container_id,
            file_id=file_id,
        )

    def _answer(
        self, call: Call, caller: Caller, body: Json, backend: str, deployment: str | None = None
    ) -> Json:
        """Return the body with `extra_fields`, and with what was said upstream if asked for."""
        fields = call.extra_fields(backend, deployment)
        config, said = self._registry.configs[call.provider], call.exchange
        if (config.send_back_raw_request or caller.raw_request) and said.request is not None:
            fields["raw_request"] = said.request
        if (config.send_back_raw_response or caller.raw_response) and said.response is not None:
            fields["raw_response"] = said.response
        return {**body, "extra_fields": fields}

    @contextmanager
    def _intending(
        self, caller: Caller, provider: str, deployment: str | None, spec: Json
    ) -> Iterator[str]:
        """Keep in the catalog what is about to be created at a deployment; yield its marker.

        It counts as a container of the caller's at once. Raises ContainerLimitReached. The block
        forgets the intent in the transaction that records the container. When it fails, the intent
        stays if the container may exist all the same: reconciling deletes it then.
        """
        marker = secrets.token_hex(8)
        if deployment is None:  # hosted: nothing leaves this machine, so nothing can be lost
            yield marker
            return
        kept: Json = {field: spec[field] for field in ("name", "metadata") if field in spec}
        intent = Intent(
            marker,
            caller.tenant,
            provider,
            deployment,
            kept,
            self._clock(),
            created_by=caller.lineage,
        )
        with self._database.write() as tx:
            intents.insert(tx, intent)
            self._quotas.check_containers(tx, caller)
        try:
            yield marker
        except Exception as exc:
            surely_not = isinstance(exc, UpstreamError) and not exc.processed
            with self._database.write() as tx:
                intents.delete(tx, marker) if surely_not else intents.mark_failed(tx, marker)
            raise

    def _renewing(
        self, claim: Claim, also: Callable[[Connection], None] | None = None
    ) -> Callable[[bytes], None]:
        """Return a watcher that renews the claim while bytes pass, and does what else it is told.

        Both happen every few seconds, in one transaction.
        """
        last = self._clock()

        def watch(_chunk: bytes) -> None:
            nonlocal last
            now = self._clock()
            if now - last >= RENEW_S:
                last = now
                with self._database.write() as tx:
                    if also is not None:
                        also(tx)
                    claim.renew(tx, now)

        return watch

    def _bounding(self, caller: Caller, container: Container, param: str, also: Watcher) -> Watcher:
        """Return a watcher for bytes that are copied: it does the other's work, and bounds them."""
        bound = self._quotas.bounding(caller, container, param=param)

        def watch(chunk: bytes) -> None:
            also(chunk)
            bound(chunk)

        return watch

    @contextmanager
    def _noticing_the_end(self, container: Container) -> Iterator[None]:
        """Record it when the provider does not know the container any more."""
        try:
            yield
        except ContainerGone as exc:
            with self._database.write() as tx:
                containers.end_native(tx, container.id, self._clock())
            raise ContainerExpired from exc
