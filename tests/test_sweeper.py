"""What is over leaves the disk: soon, after a restart too, by one process at a time."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from starlette.testclient import TestClient

from gateway.answers import Caller
from gateway.app import create_app
from gateway.config import complete
from gateway.settings import Settings
from gateway.state import Gateway
from tests.calls import blobs_in, catalog_of, create, download, gateway_of, upload
from tests.conftest import Clock
from tests.server import Server
from tests.waiting import wait_until

INTERVAL_S = 30

DELETED_FILE = """
    INSERT INTO files (id, container_id, path, blob, bytes, sha256, source, created_at, deleted_at)
    VALUES (?, ?, ?, ?, 0, '', 'user', 1, 1)
"""

Open = Callable[[], Gateway]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", threads=8, sweep_interval_s=INTERVAL_S)


@pytest.fixture
def open_gateway(settings: Settings, clock: Clock) -> Iterator[Open]:
    """A function that opens what one more process would; its sweeper works when told to."""
    gateways = []

    def open_gateway() -> Gateway:
        gateways.append(Gateway(settings, complete({}), clock=clock))
        return gateways[-1]

    yield open_gateway
    for gateway in gateways:
        gateway.close()


def expire_everything(data_dir: Path) -> None:
    """Make it so that the time of every container was over an hour ago."""
    with catalog_of(data_dir) as connection:
        connection.execute("UPDATE containers SET expires_at = expires_at - 86400")


def test_the_bytes_of_an_expired_container_leave_the_disk(
    client: TestClient, clock: Clock, settings: Settings
) -> None:
    container = create(client)
    upload(client, container["id"])
    clock.advance(20 * 60)
    gateway_of(client).sweeper.sweep()

    assert blobs_in(settings.data_dir) == []
    answer = client.get(f"/openai/v1/containers/{container['id']}")
    assert answer.json()["status"] == "expired"


def test_the_bytes_of_a_running_container_stay(
    client: TestClient, clock: Clock, settings: Settings
) -> None:
    file = upload(client, create(client)["id"], b"kept")
    clock.advance(20 * 60 - 1)
    gateway_of(client).sweeper.sweep()

    assert download(client, file) == b"kept"


def test_the_bytes_of_a_container_that_expired_while_nothing_ran_leave_the_disk(
    settings: Settings, clock: Clock
) -> None:
    with TestClient(create_app(settings, clock=clock)) as client:
        upload(client, create(client)["id"])
    clock.advance(3600)
    assert len(blobs_in(settings.data_dir)) == 1

    with TestClient(create_app(settings, clock=clock)):
        wait_until(lambda: blobs_in(settings.data_dir) == [])


def test_bytes_that_outlived_their_deleted_file_leave_the_disk(
    client: TestClient, settings: Settings
) -> None:
    upload(client, create(client)["id"])
    with catalog_of(settings.data_dir) as connection:  # as after a crash before the unlink
        connection.execute("UPDATE files SET deleted_at = 1")
    gateway_of(client).sweeper.sweep()

    assert blobs_in(settings.data_dir) == []


def test_more_files_than_one_batch_leave_the_disk(client: TestClient, settings: Settings) -> None:
    file = upload(client, create(client)["id"])
    keys = [secrets.token_hex(16) for _ in range(1100)]
    rows = [(key, file["container_id"], f"/mnt/data/{key}", key) for key in keys]
    for key in keys:
        (settings.data_dir / "blobs" / key[:2] / key).write_bytes(b"")
    with catalog_of(settings.data_dir) as connection:
        connection.executemany(DELETED_FILE, rows)
    gateway_of(client).sweeper.sweep()

    assert [path.read_bytes() for path in blobs_in(settings.data_dir)] == [b"bytes"]


def test_records_that_nobody_can_ask_for_are_forgotten(
    open_gateway: Open, settings: Settings, clock: Clock
) -> None:
    spec = {"name": "n"}
    caller = Caller("default", idempotency_key="key")
    open_gateway().containers.create_container(caller, spec)
    clock.advance(8 * 24 * 3600 + 20 * 60)
    open_gateway().sweeper.sweep()

    with catalog_of(settings.data_dir) as connection:
        for table in ("containers", "files", "idempotency_keys"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_one_process_at_a_time_sweeps(open_gateway: Open) -> None:
    one, other = open_gateway(), open_gateway()

    assert [one.sweeper.sweep(), other.sweeper.sweep(), one.sweeper.sweep()] == [True, False, True]


def test_another_process_takes_over_from_a_dead_one(open_gateway: Open, clock: Clock) -> None:
    dead, other = open_gateway(), open_gateway()
    dead.sweeper.sweep()
    clock.advance(29)
    too_early = other.sweeper.sweep()
    clock.advance(1)

    assert (too_early, other.sweeper.sweep()) == (False, True)
    assert not dead.sweeper.sweep()


def test_a_process_that_stops_lets_another_sweep_at_once(
    client: TestClient, open_gateway: Open
) -> None:
    gateway = gateway_of(client)
    gateway.sweeper.sweep()
    gateway.sweeper.stop()

    assert open_gateway().sweeper.sweep()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server, whose clock is the machine's."""
    data_dir = tmp_path_factory.mktemp("sweeper") / "data"
    with Server(data_dir, BERTH_SWEEP_INTERVAL_S="0.2", WEB_CONCURRENCY="2") as server:
        yield server


@pytest.fixture
def live_container(server: Server) -> str:
    """A container of the server's, with a file in it."""
    url = f"{server.url}/openai/v1/containers"
    container_id: str = requests.post(url, json={"name": "n"}, timeout=30).json()["id"]
    form = {"file": ("a.txt", os.urandom(1000))}
    assert requests.post(f"{url}/{container_id}/files", files=form, timeout=30).ok
    return container_id


def test_a_server_cleans_up_by_itself(server: Server, live_container: str) -> None:
    expire_everything(server.data_dir)

    wait_until(lambda: blobs_in(server.data_dir) == [])
    url = f"{server.url}/openai/v1/containers/{live_container}"
    assert requests.get(url, timeout=30).json()["status"] == "expired"


def test_a_server_cleans_up_after_it_was_killed(server: Server, live_container: str) -> None:
    server.kill()
    expire_everything(server.data_dir)
    assert len(blobs_in(server.data_dir)) == 1
    server.start()

    wait_until(lambda: blobs_in(server.data_dir) == [])
    url = f"{server.url}/openai/v1/containers/{live_container}/files"
    assert requests.get(url, timeout=30).json()["error"]["code"] == "container_expired"
