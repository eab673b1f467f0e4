"""Compares what deployments have with what the catalog knows, and mends the difference."""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection

from catalog import containers, intents, leases
from catalog.containers import Container
from catalog.database import Database
from catalog.intents import Intent
from gateway.config import Deployment
from gateway.registry import Registry
from gateway.service import new_container, refreshed
from providers.base import Snapshot
from providers.errors import ContainerGone
from providers.openai import OpenAI
from providers.upstream_errors import UpstreamError

logger = logging.getLogger("berth.reconciler")

LEASE_S = 120


@dataclass
class Findings:
    """What reconciling one deployment found and did: ids of containers."""

    provider: str
    deployment: str
    adopted: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unowned: list[str] = field(default_factory=list)
    error: str | None = None

    @property
    def changed(self) -> bool:
        """Tell whether there is something to say."""
        return bool(self.adopted or self.ended or self.deleted or self.unowned or self.error)

    @property
    def summary(self) -> str:
        """Say it in one line."""
        if self.error is not None:
            return self.error
        return ", ".join(f"{n} {what}" for what, n in self.counts.items() if what != "failed")

    @property
    def counts(self) -> dict[str, int]:
        """Tell how many containers met which end, and whether the deployment could be asked."""
        return {
            "adopted": len(self.adopted),
            "ended": len(self.ended),
            "deleted": len(self.deleted),
            "unowned": len(self.unowned),
            "failed": int(self.error is not None),
        }


class Reconciler:
    """One a process; a lease for each deployment lets one of them work at a time."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        clock: Callable[[], float],
        observe: Callable[..., None],
    ) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._observe = observe
        self._holder = secrets.token_hex(8)

    def reconcile(self) -> list[Findings]:
        """Reconcile each deployment that no other process is at."""
        found = [
            self._reconcile(name, provider, deployment)
            for name, provider in self._registry.native.items()
            for deployment in self._registry.configs[name].deployments
            if self._hold(f"reconcile:{name}:{deployment.name}")
        ]
        for findings in found:
            if findings.changed:
                logger.info("Reconciled with what a deployment has", extra=asdict(findings))
            for result, count in findings.counts.items():
                self._observe(findings.provider, findings.deployment, result, by=count)
        return found

    def _reconcile(self, name: str, provider: OpenAI, deployment: Deployment) -> Findings:
        findings = Findings(name, deployment.name)
        try:
            self._compare(provider, deployment, findings)
        except UpstreamError as exc:
            findings.error = exc.message
        with self._database.write() as tx:
            leases.release(tx, f"reconcile:{name}:{deployment.name}", self._holder)
        return findings

    def _compare(self, provider: OpenAI, deployment: Deployment, findings: Findings) -> None:
        """Read the catalog, then list upstream, so that what the catalog has must be listed."""
        name, at = findings.provider, deployment.name
        network = self._registry.configs[name].network
        old = self._clock() - network.total_timeout_s - network.idle_timeout_s
        with self._database.read() as tx:
            rows = {c.id: c for c in containers.select_native(tx, name, at)}
            under_way = {i.marker: i for i in intents.select_intents(tx, name, at)}
        lost = {m: i for m, i in under_way.items() if i.failed or i.created_at < old}
        found = {snapshot.id: snapshot for snapshot in provider.list_containers(at)}
        for snapshot in found.values():
            intent = lost.get(snapshot.marker or "")
            if snapshot.id in rows:
                self._refresh(rows[snapshot.id], snapshot, findings)
            elif intent is not None and intent.failed:
                provider.delete_marked(at, snapshot.id)
                findings.deleted.append(snapshot.id)
            elif not snapshot.ended and not _is_anothers(snapshot, under_way, since=old):
                self._adopt(provider, snapshot, intent, deployment, findings)
        for container in rows.values():
            if container.id not in found and container.ended_at is None:
                self._check(provider, container, findings)
        with self._database.write() as tx:
            for intent in lost.values():
                if intent.created_at < old:
                    intents.delete(tx, intent.marker)

    def _refresh(self, container: Container, snapshot: Snapshot, findings: Findings) -> None:
        if container.ended_at is not None:
            return
        with self._database.write() as tx:
            if snapshot.ended:
                containers.end_native(tx, container.id, self._clock())
                findings.ended.append(container.id)
            elif snapshot.last_active_at > container.last_active_at:
                containers.refresh(tx, refreshed(container, snapshot))

    def _adopt(
        self,
        provider: OpenAI,
        snapshot: Snapshot,
        intent: Intent | None,
        deployment: Deployment,
        findings: Findings,
    ) -> None:
        """Take in a container that Berth does not know, unless a request is just recording it.

        Lists still show what was deleted a while ago, so it is retrieved first. One that stays
        nobody's is not: that might count as activity, and keep it alive for ever.
        """
        tenant = intent.tenant if intent is not None else deployment.tenant
        spec = intent.spec if intent is not None else {"name": snapshot.name}
        with self._database.read() as tx:
            if self._is_known(tx, snapshot, intent):
                return
        if tenant is None:
            findings.unowned.append(snapshot.id)
            return
        row = new_container(
            snapshot,
            tenant,
            findings.provider,
            deployment.name,
            spec,
            created_by=intent.created_by if intent is not None else None,
        )
        try:
            provider.retrieve_container(row)
        except ContainerGone:
            return
        with self._database.write() as tx:
            if self._is_known(tx, snapshot, intent):
                return
            containers.insert(tx, row)
            if intent is not None:
                intents.delete(tx, intent.marker)
        findings.adopted.append(snapshot.id)

    def _is_known(self, tx: Connection, snapshot: Snapshot, intent: Intent | None) -> bool:
        """Tell whether the catalog has the container, or a request is just recording it."""
        under_way = intent is None and intents.exists(tx, snapshot.marker)
        return under_way or containers.exists(tx, snapshot.id)

    def _check(self, provider: OpenAI, container: Container, findings: Findings) -> None:
        """End a container that is not listed, if it cannot be retrieved either."""
        try:
            provider.retrieve_container(container)
        except ContainerGone:
            with self._database.write() as tx:
                containers.end_native(tx, container.id, self._clock())
            findings.ended.append(container.id)

    def _hold(self, lease: str) -> bool:
        now = self._clock()
        with self._database.write() as tx:
            return leases.acquire(tx, lease, self._holder, until=now + LEASE_S, now=now)


def _is_anothers(snapshot: Snapshot, under_way: Mapping[str, Intent], since: float) -> bool:
    """Tell whether another Berth with the same account may be just creating the container."""
    marked = snapshot.marker is not None and snapshot.marker not in under_way
    return marked and snapshot.created_at >= since
