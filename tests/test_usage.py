"""The bytes that are counted for keys and tenants are those that a plain sum finds, always."""

import random
from pathlib import Path

from starlette.testclient import TestClient

from catalog import usage
from catalog.database import Database
from catalog.usage import Owner
from gateway.settings import Settings
from tests.calls import Json, catalog_of, gateway_of
from tests.conftest import Clock
from tests.limits import Party

STEPS = 200
SUM = """
SELECT coalesce(sum(bytes), 0) FROM (
  SELECT f.bytes, f.created_by, c.tenant FROM files f JOIN containers c ON c.id = f.container_id
  WHERE f.deleted_at IS NULL AND c.deleted_at IS NULL AND c.ended_at IS NULL AND c.expires_at > :now
  UNION ALL SELECT bytes, created_by, tenant FROM stored_files
  WHERE deleted_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
) WHERE :name IN (created_by, tenant)
"""


class Play:
    """Two keys of a tenant, and one of another, that do this and that."""

    def __init__(self, client: TestClient, clock: Clock) -> None:
        self.client = client
        self.clock = clock
        self.chance = random.Random(20)
        self.parties = [Party(client, tenant) for tenant in ("research", "research", "sales")]
        self.boxes = {party.key.tenant: [party.container()] for party in self.parties}
        self.party, self.box = self.parties[0], ""
        self.acts = [self.upload, self.upload, self.store, self.copy, self.create, self.delete]
        self.acts += [self.delete_stored, self.delete_box, self.wait, self.sweep]

    def step(self) -> None:
        """Have someone do something."""
        self.party = self.chance.choice(self.parties)
        self.box = self.chance.choice(self.boxes[self.party.key.tenant])
        self.chance.choice(self.acts)()

    def upload(self) -> None:
        self.party.upload(self.box, self.chance.randrange(9), self.chance.choice("abc"))

    def store(self) -> None:
        expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
        self.party.store(self.chance.randrange(9), **self.chance.choice([expiry, {}]))

    def copy(self) -> None:
        for file in self._one_of("/v1/files"):
            copy = {"file_id": file["id"], "file_path": self.chance.choice("abc")}
            self.party.ask("post", f"/v1/containers/{self.box}/files", json=copy)

    def create(self) -> None:
        ids = [file["id"] for file in self._one_of("/v1/files")]
        idle = {"anchor": "last_active_at", "minutes": self.chance.choice([1, 60])}
        box = self.party.container(expires_after=idle, file_ids=ids)
        self.boxes[self.party.key.tenant].append(box)

    def delete(self) -> None:
        files = f"/v1/containers/{self.box}/files"
        for file in self._one_of(files):
            self.party.delete(f"{files}/{file['id']}")

    def delete_stored(self) -> None:
        for file in self._one_of("/v1/files"):
            self.party.delete(f"/v1/files/{file['id']}")

    def delete_box(self) -> None:
        self.party.delete(f"/v1/containers/{self.box}")

    def wait(self) -> None:
        self.clock.advance(self.chance.choice([30, 61, 3601]))

    def sweep(self) -> None:
        gateway_of(self.client).sweeper.sweep()

    def _one_of(self, path: str) -> list[Json]:
        """Return one of what is listed at a path, if there is any."""
        page = self.party.ask("get", path, params={"provider": "ollama"}).json()
        listed: list[Json] = page.get("data", [])
        return self.chance.sample(listed, min(1, len(listed)))


def counted(database: Database, owners: list[Owner], now: float) -> list[int]:
    with database.read() as tx:
        return [usage.count_bytes(tx, owner, now) for owner in owners]


def summed(data_dir: Path, owners: list[Owner], now: float) -> list[int]:
    with catalog_of(data_dir) as catalog:
        found = [catalog.execute(SUM, {"name": o.name, "now": now}).fetchone() for o in owners]
    return [size for (size,) in found]


def test_what_is_counted_is_what_a_plain_sum_finds(
    client: TestClient, settings: Settings, clock: Clock
) -> None:
    play, seen = Play(client, clock), set()
    owners = [Owner("key", party.key.lineage) for party in play.parties]
    owners += [Owner("tenant", "research"), Owner("tenant", "sales")]
    database = Database(settings.data_dir / "catalog.db")
    for _ in range(STEPS):
        play.step()
        use = counted(database, owners, clock.now)
        seen.add(tuple(use))

        assert use == summed(settings.data_dir, owners, clock.now)
    database.close()
    assert len(seen) > STEPS / 5
