"""Activity: when it is written down, who sees it, and who waits for whom to write."""

import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from catalog import writer as module
from catalog.database import Database
from gateway.settings import Settings
from tests.calls import catalog_of, create
from tests.conftest import Clock

ACTIVITY = "SELECT last_active_at, expires_at FROM containers"


def recorded(settings: Settings) -> tuple[float, float]:
    """Return the one container's activity and end, as another process would see them."""
    with catalog_of(settings.data_dir) as catalog:
        (row,) = catalog.execute(ACTIVITY)
    return row[0], row[1]


@pytest.mark.parametrize("seconds", [0.5, 1, 59])
def test_activity_is_written_down_exactly(
    client: TestClient, settings: Settings, clock: Clock, seconds: float
) -> None:
    container = create(client, expires_after={"anchor": "last_active_at", "minutes": 1})
    began = clock.now
    clock.advance(seconds)
    client.get(f"/v1/containers/{container['id']}?provider=ollama")

    assert recorded(settings) == (began + seconds, began + seconds + 60)


def test_a_container_in_use_does_not_expire(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"anchor": "last_active_at", "minutes": 1})
    url = f"/v1/containers/{container['id']}?provider=ollama"
    for _ in range(150):
        clock.advance(0.9)
        assert client.get(url).json()["status"] == "running"


def test_a_note_is_seen_by_others_at_once(tmp_path: Path) -> None:
    mine, other = Database(tmp_path / "catalog.db"), Database(tmp_path / "catalog.db")
    mine.migrate()
    mine.note(lambda tx: tx.execute(sa.text("INSERT INTO leases VALUES ('a', 'me', 1)")))
    with other.look() as connection:
        holders = connection.execute(sa.text("SELECT holder FROM leases")).scalars().all()
    mine.close()
    other.close()

    assert holders == ["me"]


def test_only_what_an_answer_promises_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "catalog.db")
    database.migrate()
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    database.note(lambda tx: tx.execute(sa.text("INSERT INTO leases VALUES ('a', 'me', 1)")))
    after_note = len(synced)
    with database.write() as tx:
        tx.execute(sa.text("DELETE FROM leases"))
    database.close()

    assert (after_note, len(synced)) == (0, 1)


def test_a_thread_that_waits_too_long_to_write_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)
    database = Database(tmp_path / "catalog.db")
    refused: list[str] = []

    def write() -> None:
        try:
            with database.write():
                refused.append("not at all")
        except sa.exc.OperationalError as exc:
            refused.append(str(exc.orig))

    with database.notes():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    database.close()

    assert refused == ["database is locked"]
