"""What tests share: a clock, an application in this process, and a live server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from tests.server import Server

LONGEST = ("tests/fuzz/", "tests/test_crash.py", "tests/test_model.py")


def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: tests that wait for a server leave theirs idle."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: a process that is left with one of them at the end works alone."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


class Clock:
    """A clock that moves when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", validate_responses=True, threads=8)


@pytest.fixture
def client(settings: Settings, clock: Clock) -> Iterator[TestClient]:
    """An HTTP client of an application in this process, whose time is `clock`."""
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server for all tests that need one and do not restart it."""
    data_dir = tmp_path_factory.mktemp("live") / "data"
    with Server(data_dir, WEB_CONCURRENCY="2") as server:
        yield server


@pytest.fixture
def new_container(client: TestClient) -> dict[str, object]:
    """A fresh container of provider `ollama`."""
    answer = client.post("/v1/containers", json={"provider": "ollama", "name": "fresh"})
    body: dict[str, object] = answer.json()
    return body
