"""Gateway: all that one worker process holds, opened at its start and closed at its end."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from blobs.directory import BlobDirectory
from catalog import totals
from catalog.database import Database
from catalog.waiting import apart
from gateway.answers import Caller
from gateway.audit import FLUSH_S, Audit
from gateway.config import ProviderConfig
from gateway.file_forms import FileForm
from gateway.file_service import FileService
from gateway.key_service import KeyService
from gateway.keys import KeyRing
from gateway.lookup import Lookup
from gateway.metrics import SHARE_S, Counts, Metrics
from gateway.periodic import Background, Periodic
from gateway.quotas import Quotas
from gateway.rates import Rates
from gateway.reconciler import Reconciler
from gateway.registry import Registry
from gateway.service import ContainerService
from gateway.settings import Settings
from gateway.stored_file_service import StoredFileService
from gateway.sweeper import Sweeper
from gateway.tenants import REFRESH_S, Tenants
from gateway.uploads import MultipartUpload
from providers.base import Json
from providers.errors import Unavailable

RECONCILE_S = 60
CHECKPOINT_S = 0.25
OPERATIONS = [
    "container_create",
    "container_list",
    "container_retrieve",
    "container_delete",
    "container_file_create",
    "container_file_list",
    "container_file_retrieve",
    "container_file_content",
    "container_file_delete",
    "container_event_list",
    "file_create",
    "file_list",
    "file_retrieve",
    "file_content",
    "file_delete",
]
FIELDS = [
    "name",
    "expires_after",
    "file_ids",
    "memory_limit",
    "metadata",
    "network_policy",
    "skills",
]
MEMORY_LIMITS = ["1g", "4g", "16g", "64g"]
MAX_METADATA_KEYS = 16


def metrics_directory(settings: Settings) -> Path:
    """Return where processes share what they count."""
    return settings.data_dir / "metrics"


def open_database(settings: Settings) -> Database:
    """Return the catalog's database. `migrate` it before its first use."""
    return Database(settings.data_dir / "catalog.db", connections=2 * settings.threads + 4)


class Gateway:
    """The services of one worker, and what they stand on."""

    def __init__(
        self,
        settings: Settings,
        configs: Mapping[str, ProviderConfig],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._database = open_database(settings)
        self._database.migrate()
        self._blobs = BlobDirectory(settings.data_dir / "blobs")
        self._clock = clock
        self.metrics = Metrics(metrics_directory(settings))
        self.registry = Registry(
            configs,
            self._database,
            self._blobs,
            threads=settings.threads,
            clock=clock,
            observe=partial(self.metrics.count, "berth_upstream_calls"),
        )
        retention_s = settings.expired_retention_hours * 3600
        lookup = Lookup(self._database, retention_s=retention_s, clock=clock)
        self.keys = KeyRing(self._database, clock=clock)
        self.key_service = KeyService(self._database, self.keys, clock=clock)
        self.audit = Audit(self._database, clock=clock)
        self.tenants = Tenants(self._database, settings.tenant_limits, clock=clock)
        self.rates = Rates(self._database, self.tenants, clock=clock)
        self._quotas = Quotas(self._database, self.tenants, clock=clock)
        parts = (self._database, self.registry, lookup, self.audit, self._quotas)
        self.containers = ContainerService(*parts, clock=clock)
        self.files = FileService(*parts, clock=clock)
        self.stored_files = StoredFileService(*parts, clock=clock)
        self.reconciler = Reconciler(
            self._database,
            self.registry,
            clock=clock,
            observe=partial(self.metrics.count, "berth_reconciled"),
        )
        self.sweeper = Sweeper(
            self._database,
            self._blobs,
            settings,
            clock=clock,
            observe=partial(self.metrics.count, "berth_swept"),
        )
        self._periodic: list[Background] = [
            Periodic("sweeper", settings.sweep_interval_s, self.sweeper.sweep),
            Periodic("audit", FLUSH_S, self.audit.flush),
            Periodic("tenants", REFRESH_S, self.tenants.refresh),
            Periodic("metrics", SHARE_S, self.metrics.flush),
            Periodic("checkpoint", CHECKPOINT_S, self._database.checkpoint),
        ]
        if self.registry.native:
            work = self.reconciler.reconcile
            self._periodic.append(Periodic("reconciler", RECONCILE_S, work))
        if settings.metrics_port is not None:
            self._periodic.append(self._metrics_port(settings.metrics_port))

    def start(self) -> None:
        """Begin what the worker does beside serving requests."""
        for work in self._periodic:
            work.start()

    def stop(self) -> None:
        """End all of it."""
        self.sweeper.stop()
        self.registry.close()
        for work in self._periodic:
            work.stop()
        self.close()

    def close(self) -> None:
        """Record what is left to record, and close the catalog."""
        self.audit.flush()
        self.metrics.flush()
        self._database.close()

    def receive_upload(
        self, caller: Caller, stream: IO[bytes], content_type: str, length: int | None
    ) -> MultipartUpload:
        """Return the file a client sends, unread; `length` is its form's. Raises InvalidRequest."""
        most = self._max_file_bytes(caller)
        return MultipartUpload(stream, content_type, max_bytes=most, length=length)

    def receive_file(
        self, caller: Caller, stream: IO[bytes], content_type: str, default_provider: str | None
    ) -> FileForm:
        """Return the form that a client sends to the Files API, unread. Raises InvalidRequest."""
        return FileForm(
            stream,
            content_type,
            max_bytes=self._max_file_bytes(caller),
            default_provider=default_provider,
        )

    def list_providers(self, caller: Caller) -> Json:
        """Return what serves each provider that the caller may use, and what works there."""
        most = self._max_file_bytes(caller)
        data = [self._provider_body(name, most) for name in self.registry if caller.may_use(name)]
        return {"object": "list", "data": data}

    def metrics_text(self) -> bytes:
        """Return what all processes counted, and how much there is now, as Prometheus reads it."""
        from gateway.exposition import text  # noqa: PLC0415 - most processes are never asked

        return apart(lambda: text(self.metrics.total(), self._measured()))

    def check_readiness(self) -> Json:
        """Say that the catalog and the blobs work. Raises Unavailable when they do not."""
        try:
            apart(self._check)
        except (OSError, sa.exc.SQLAlchemyError) as exc:
            raise Unavailable("The data directory cannot be read and written.") from exc
        return {"status": "ready", "catalog": "ok", "blobs": "ok"}

    def _check(self) -> None:
        with self._database.read() as tx:
            tx.execute(sa.text("SELECT 1"))
        self._blobs.check()

    def _measured(self) -> Counts:
        with self._database.read() as tx:
            containers = totals.count_containers(tx, self._clock())
            stored_bytes = totals.sum_bytes(tx)
        return {"berth_containers": containers, "berth_stored_bytes": stored_bytes}

    def _metrics_port(self, port: int) -> Background:
        from gateway.metrics_port import MetricsPort  # noqa: PLC0415 - most have none

        return MetricsPort(port, self.metrics_text)

    def _max_file_bytes(self, caller: Caller) -> int:
        return self._quotas.max_file_bytes(caller, self.settings.max_file_bytes)

    def _provider_body(self, name: str, max_file_bytes: int) -> Json:
        backend = self.registry.backend(name)
        provider = None if backend == "off" else self.registry.for_new(name)
        return {
            "object": "provider",
            "provider": name,
            "backend": backend,
            "deployments": list(provider.deployments) if provider else [],
            "operations": OPERATIONS if provider else [],
            "fields": [f for f in FIELDS if f not in provider.refuses] if provider else [],
            "refuses": sorted(provider.refuses) if provider else [],
            "limits": {
                "max_file_bytes": max_file_bytes,
                "max_expires_minutes": self.settings.max_expires_minutes,
                "memory_limits": MEMORY_LIMITS,
                "max_metadata_keys": MAX_METADATA_KEYS,
            },
        }
