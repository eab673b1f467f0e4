"""Removes what is over: expired containers' bytes, deleted files', orphans, and old records."""

import logging
import secrets
import time
from collections.abc import Callable, Collection

from blobs.directory import BlobDirectory
from catalog import (
    blob_owners,
    containers,
    events,
    files,
    hits,
    idempotency,
    leases,
    stored_files,
)
from catalog.database import Database
from gateway.idempotency import KEPT_S
from gateway.settings import Settings

logger = logging.getLogger("berth.sweeper")

LEASE = "sweeper"
MAX_LEASE_S = 30  # with the longest interval, a holder that died delays the rest by a minute
BATCH = 500
TOMBSTONE_S = 24 * 3600
RATE_WINDOW_S = 60
ORPHAN_SCAN_S = 3600


class Sweeper:
    """One a process; the lease in the catalog lets one of them work at a time."""

    def __init__(
        self,
        database: Database,
        blobs: BlobDirectory,
        settings: Settings,
        *,
        clock: Callable[[], float],
        observe: Callable[..., None],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._settings = settings
        self._clock = clock
        self._observe = observe
        self._holder = secrets.token_hex(8)
        self._scan_at = 0.0
        self._stopped = False

    def stop(self) -> None:
        """Sweep no further, and give the lease to whoever asks next."""
        self._stopped = True
        with self._database.write() as tx:
            leases.release(tx, LEASE, self._holder)

    def sweep(self) -> bool:
        """Remove what is over; False when another process is at it."""
        if not self._hold():
            return False
        counts = {
            "containers": self._end_expired(),
            "files": self._end_expired_files(),
            "blobs": self._delete_blobs(),
        }
        if time.monotonic() >= self._scan_at:
            self._scan_at = time.monotonic() + min(self._settings.orphan_grace_s, ORPHAN_SCAN_S)
            counts["orphans"] = self._delete_orphans()
            self._purge()
        if any(counts.values()):
            logger.info("Swept what was over", extra=counts)
        for what, count in counts.items():
            self._observe(what, by=count)
        return True

    def _hold(self) -> bool:
        """Take or renew the lease; False when another process has it, or when told to stop."""
        if self._stopped:
            return False
        now = self._clock()
        until = now + min(3 * self._settings.sweep_interval_s, MAX_LEASE_S)
        with self._database.write() as tx:
            return leases.acquire(tx, LEASE, self._holder, until=until, now=now)

    def _end_expired(self) -> int:
        """End containers whose time is over, and their files with them."""
        ended = 0
        while True:
            now = self._clock()
            with self._database.read() as tx:
                batch = containers.select_expired(tx, now, BATCH)
            if not batch:
                return ended
            with self._database.write() as tx:
                for container_id in batch:
                    if containers.end(tx, container_id, now):
                        files.mark_all_deleted(tx, container_id, now)
                        ended += 1
            if not self._hold():
                return ended

    def _end_expired_files(self) -> int:
        """End uploaded files whose time is over."""
        ended = 0
        while True:
            with self._database.write() as tx:
                batch = stored_files.end_expired(tx, self._clock(), BATCH)
            ended += batch
            if batch < BATCH or not self._hold():
                return ended

    def _delete_blobs(self) -> int:
        """Remove the bytes of deleted files, then record that they are gone."""
        deleted = 0
        while True:
            with self._database.write() as tx:  # so that no power cut takes back who deleted them
                batch = blob_owners.select_deleted(tx, BATCH)
            if not batch:
                return deleted
            self._blobs.delete(*batch)
            with self._database.write() as tx:
                blob_owners.forget(tx, batch)
            deleted += len(batch)
            if not self._hold():
                return deleted

    def _delete_orphans(self) -> int:
        """Remove bytes that no record names, left by a crash between writing and recording."""
        grace_s = self._settings.orphan_grace_s
        return self._blobs.delete_orphans(self._known, older_than_s=grace_s)

    def _known(self, keys: Collection[str]) -> set[str]:
        self._hold()
        known: set[str] = set()
        ordered = sorted(keys)
        for start in range(0, len(ordered), BATCH):
            with self._database.read() as tx:
                known |= blob_owners.select_known(tx, ordered[start : start + BATCH])
        return known

    def _purge(self) -> None:
        """Forget records that nobody can ask for any more."""
        now = self._clock()
        retention_s = self._settings.expired_retention_hours * 3600
        with self._database.write() as tx:
            files.purge(tx, kept_since=now - TOMBSTONE_S)
            stored_files.purge(tx, kept_since=now - TOMBSTONE_S)
            containers.purge(tx, kept_since=now - max(retention_s, TOMBSTONE_S))
            hits.purge(tx, kept_since=now - RATE_WINDOW_S)
            idempotency.purge(tx, kept_since=now - KEPT_S)
            events.purge(tx, kept_since=now - self._settings.audit_retention_days * 24 * 3600)
