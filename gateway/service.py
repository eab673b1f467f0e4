"""The container operations: whose is it, where does it live, is it alive; then the provider."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from catalog import containers, events, intents
from catalog.containers import Container
from catalog.files import File
from catalog.pages import PageRequest
from gateway.answers import Caller, container_body, deleted_body, event_body, list_body
from gateway.idempotency import fingerprint
from gateway.operations import Operations
from providers.base import Json, Provider, Snapshot
from providers.errors import ContainerExpired, ContainerNotFound, Unsupported


class ContainerService(Operations):
    """Creates, lists, retrieves and deletes containers, for any tenant at any provider."""

    def create_container(self, caller: Caller, spec: Json) -> Json:
        """Create a container from a body that the document found valid."""
        with self._call("container_create", caller, spec.get("provider")) as call:
            call.serve_by(call.provider)
            wanted = fingerprint(call.provider, spec)
            key = caller.idempotency_key
            with self._keys.claim(caller.tenant, call.request_type, key) as claim:
                if claim.answered:
                    return claim.replay(wanted)
                provider = self._registry.for_new(call.provider)
                _check_refused(spec, call.provider, provider)
                plan = self._copies.plan(caller, call.provider, provider, spec)
                deployment = plan.deployment
                with self._intending(caller, call.provider, deployment, spec) as marker:
                    snapshot = provider.create_container(plan.spec, deployment, marker)
                    container = new_container(
                        snapshot,
                        caller.tenant,
                        call.provider,
                        deployment,
                        spec,
                        created_by=caller.lineage,
                    )
                    body = container_body(container, container.last_active_at)
                    answer = self._answer(call, caller, body, provider.backend, deployment)

                    def record(tx: Connection, made: Sequence[File]) -> None:
                        if deployment is not None:
                            intents.delete(tx, marker)
                        self._quotas.admit(tx, caller, container, made)
                        call.record(tx, container.id)
                        claim.record(tx, wanted, answer)

                    renew = self._renewing(claim)
                    watch = self._bounding(caller, container, "file_ids", renew)
                    self._copies.fill(container, plan.files, record, watch)
                return answer

    def list_containers(
        self, caller: Caller, provider: str, request: PageRequest, *, name: str | None = None
    ) -> Json:
        """Return a page of the tenant's containers at a provider. Raises UnknownCursor."""
        with self._call("container_list", caller, provider) as call:
            call.serve_by(call.provider)
            now = self._clock()
            kept_since = self._lookup.kept_since()
            with self._database.look() as tx:
                page = containers.select_containers(
                    tx, caller.tenant, provider, request, name=name, kept_since=kept_since
                )
            bodies = [container_body(container, now) for container in page.items]
            body = list_body(bodies, has_more=page.has_more)
            return self._answer(call, caller, body, self._registry.for_new(provider).backend)

    def retrieve_container(
        self, caller: Caller, container_id: str, provider: str | None = None
    ) -> Json:
        """Return the container and count this as activity; an expired one stays as it was."""
        with self._call("container_retrieve", caller, provider, container_id) as call:
            container = self._lookup.visible(
                call, caller.tenant, container_id, provider, only_hosted_active=True
            )
            if not container.expired(self._clock()):
                container = self._refreshed(container)
            body = container_body(container, self._clock())
            return self._answer(call, caller, body, container.backend, container.deployment)

    def delete_container(
        self, caller: Caller, container_id: str, provider: str | None = None
    ) -> Json:
        """Delete the container and its files."""
        with self._call("container_delete", caller, provider, container_id) as call:
            container = self._lookup.alive(call, caller.tenant, container_id, provider)

            def record(tx: Connection) -> None:
                if not containers.mark_deleted(tx, container.id, self._clock()):
                    raise ContainerNotFound(container.id)
                call.record(tx, container.id)

            with self._noticing_the_end(container):
                self._registry.of(container).delete_container(container, record)
            body = deleted_body("container", container.id)
            return self._answer(call, caller, body, container.backend, container.deployment)

    def list_events(
        self,
        caller: Caller,
        container_id: str,
        request: PageRequest,
        provider: str | None = None,
    ) -> Json:
        """Return a page of what was done to a container, also after its end.

        Raises ContainerNotFound and UnknownCursor.
        """
        self._audit.flush_if_possible()
        with self._call("container_event_list", caller, provider) as call:
            call.serve_by(call.provider)
            with self._database.read() as tx:
                page = events.select_events(tx, caller.tenant, container_id, provider, request)
            if page is None:
                raise ContainerNotFound(container_id)
            body = list_body([event_body(event) for event in page.items], has_more=page.has_more)
            return self._answer(call, caller, body, self._registry.for_new(call.provider).backend)

    def _refreshed(self, container: Container) -> Container:
        """Return the container as its backend knows it now, and remember that."""
        if container.backend == "hosted":
            return container
        try:
            with self._noticing_the_end(container):
                snapshot = self._registry.of(container).retrieve_container(container)
        except ContainerExpired:
            return replace(container, ended_at=self._clock())
        told = refreshed(container, snapshot)
        if told != container:
            self._database.note(lambda tx: containers.refresh(tx, told))
        return told


def new_container(
    snapshot: Snapshot,
    tenant: str,
    provider: str,
    deployment: str | None,
    spec: Json,
    *,
    created_by: str | None,
) -> Container:
    """Return the row of a container that a backend has just made."""
    return Container(
        id=snapshot.id,
        tenant=tenant,
        provider=provider,
        backend="hosted" if deployment is None else "native",
        deployment=deployment,
        name=spec["name"],
        metadata=spec.get("metadata", {}),
        memory_limit=snapshot.memory_limit,
        network_policy=snapshot.network_policy,
        expires_minutes=snapshot.expires_minutes,
        created_at=snapshot.created_at,
        last_active_at=snapshot.last_active_at,
        expires_at=snapshot.last_active_at + snapshot.expires_minutes * 60,
        created_by=created_by,
    )


def refreshed(container: Container, snapshot: Snapshot) -> Container:
    """Return the row with what its backend says now."""
    return replace(
        container,
        memory_limit=snapshot.memory_limit,
        network_policy=snapshot.network_policy,
        expires_minutes=snapshot.expires_minutes,
        last_active_at=snapshot.last_active_at,
        expires_at=snapshot.last_active_at + snapshot.expires_minutes * 60,
    )


def _check_refused(spec: Json, name: str, provider: Provider) -> None:
    """Raise Unsupported for what the provider cannot honour."""
    for path in sorted(provider.refuses):
        field, _, part = path.partition(".")
        value = spec.get(field)
        if value is None:
            continue
        if not part or part == value.get("type"):
            raise Unsupported(field, name)
        if part in value:
            raise Unsupported(path, name)
