"""Bytes that no record names are removed after a grace; others never, however close it gets."""

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import requests

from blobs.directory import BlobDirectory
from gateway.config import complete
from gateway.settings import Settings
from gateway.state import Gateway
from tests.calls import blobs_in
from tests.conftest import Clock
from tests.server import Server

GRACE_S = 3600
KEY = "ab" + "0" * 30

places = pytest.mark.parametrize("place", ["incoming", "ab"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", orphan_grace_s=GRACE_S)


@pytest.fixture
def root(settings: Settings) -> Path:
    return settings.data_dir / "blobs"


@pytest.fixture
def blobs(root: Path) -> BlobDirectory:
    return BlobDirectory(root)


def sweep(settings: Settings, clock: Clock) -> None:
    """Sweep as a process does first after its start, once the last one's lease has run out."""
    gateway = Gateway(settings, complete({}), clock=clock)
    try:
        while not gateway.sweeper.sweep():
            clock.advance(60)
    finally:
        gateway.close()


def make_old(path: Path, seconds: float) -> None:
    """Let the file's last change be some seconds ago."""
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


@places
def test_an_orphan_is_removed_after_the_grace(
    blobs: BlobDirectory, root: Path, settings: Settings, clock: Clock, place: str
) -> None:
    orphan = root / place / KEY
    orphan.write_bytes(b"lost in a crash")
    make_old(orphan, GRACE_S + 1)
    sweep(settings, clock)

    assert blobs_in(settings.data_dir) == []


@places
def test_an_orphan_is_left_alone_before(
    blobs: BlobDirectory, root: Path, settings: Settings, clock: Clock, place: str
) -> None:
    orphan = root / place / KEY
    orphan.write_bytes(b"lost in a crash")
    make_old(orphan, GRACE_S - 10)
    sweep(settings, clock)

    assert blobs_in(settings.data_dir) == [orphan]


def test_a_blob_that_is_being_written_is_no_orphan(
    blobs: BlobDirectory, settings: Settings, clock: Clock
) -> None:
    with blobs.create() as blob:
        blob.write(b"slowly")
        make_old(blobs_in(settings.data_dir)[0], 2 * GRACE_S)
        sweep(settings, clock)

        assert len(blobs_in(settings.data_dir)) == 1


def test_a_blob_that_is_about_to_be_recorded_is_no_orphan(
    blobs: BlobDirectory, settings: Settings, clock: Clock
) -> None:
    with blobs.create() as blob:
        blob.write(b"slowly")
        blob.seal()
        make_old(blobs_in(settings.data_dir)[0], 2 * GRACE_S)
        sweep(settings, clock)

        assert len(blobs_in(settings.data_dir)) == 1


def test_a_blob_that_was_never_recorded_is_an_orphan(
    blobs: BlobDirectory, settings: Settings, clock: Clock
) -> None:
    with blobs.create() as blob:
        blob.write(b"in vain")
        blob.seal()
    make_old(blobs_in(settings.data_dir)[0], 2 * GRACE_S)
    sweep(settings, clock)

    assert blobs_in(settings.data_dir) == []


def test_a_blob_recorded_while_it_was_looked_at_is_no_orphan(
    blobs: BlobDirectory, settings: Settings
) -> None:
    with blobs.create() as blob:
        blob.seal()
    answers: list[set[str]] = [{blob.key}, set()]  # the first look came before the record

    def known(_keys: Collection[str]) -> set[str]:
        return answers.pop()

    make_old(blobs_in(settings.data_dir)[0], 1)

    assert blobs.delete_orphans(known, older_than_s=0) == 0
    assert len(blobs_in(settings.data_dir)) == 1


def test_writers_and_a_sweep_without_grace_do_not_meet(blobs: BlobDirectory) -> None:
    recorded: set[str] = set()
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            with blobs.create() as blob:
                blob.write(b"x")
                blob.seal()
                recorded.add(blob.key)
            assert list(blobs.read(blob.key, 0, 1, size=1, sha256=blob.sha256)) == [b"x"]
            blobs.delete(blob.key)

    def break_off() -> None:
        while not over.is_set():
            with blobs.create() as blob:
                blob.write(b"x")

    def clean() -> None:
        end = time.monotonic() + 1.5
        try:
            while time.monotonic() < end:
                blobs.delete_orphans(recorded.intersection, older_than_s=0)
        finally:
            over.set()

    run_together([write, write, break_off, clean])


def test_no_acknowledged_file_is_lost_to_sweeps_without_grace(tmp_path: Path) -> None:
    environ = {"BERTH_ORPHAN_GRACE_S": "0", "BERTH_SWEEP_INTERVAL_S": "0.01"}
    with Server(tmp_path / "data", WEB_CONCURRENCY="2", **environ) as server:
        url = f"{server.url}/openai/v1/containers"
        files = f"{url}/{requests.post(url, json={'name': 'n'}, timeout=30).json()['id']}/files"
        acknowledged: dict[str, tuple[str, str]] = {}
        statuses: Counter[int] = Counter()

        def hammer(name: str) -> None:
            for number in range(25):
                content, path = os.urandom(1 + number % 3 * 9000), f"{name}{number % 5}"
                answer = requests.post(files, files={"file": (path, content)}, timeout=30)
                statuses[answer.status_code] += 1
                acknowledged[path] = answer.json()["id"], hashlib.sha256(content).hexdigest()

        run_together([partial(hammer, name) for name in "abcdef"])
        found = {
            path: (file_id, hashlib.sha256(content.content).hexdigest())
            for path, (file_id, _) in acknowledged.items()
            if (content := requests.get(f"{files}/{file_id}/content", timeout=30)).ok
        }

        assert statuses == {200: 150}
        assert found == acknowledged
        assert len(blobs_in(server.data_dir)) == len(acknowledged) == 30


def run_together(functions: list[Callable[[], None]]) -> None:
    """Run all of them at once; raise what any of them raised."""
    with ThreadPoolExecutor(len(functions)) as pool:
        for future in [pool.submit(function) for function in functions]:
            future.result()
