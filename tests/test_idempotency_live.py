"""An Idempotency-Key holds between processes, on real sockets, and when the power goes."""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from tests.calls import Json, catalog_of
from tests.server import Server
from tests.waiting import wait_until

CONTENT = b"x" * 30_000
CLIENTS = 20


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of this module kill."""
    data_dir = tmp_path_factory.mktemp("idempotency") / "data"
    with Server(data_dir, WEB_CONCURRENCY="2") as server:
        yield server


def create(server: Server, key: str | None = None, name: str = "n") -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    url = f"{server.url}/openai/v1/containers"
    return requests.post(url, json={"name": name}, headers=headers, timeout=30)


def files_of(server: Server, container: Json) -> str:
    return f"{server.url}/openai/v1/containers/{container['id']}/files"


def upload(url: str, key: str) -> requests.Response:
    form = {"file": ("a.txt", CONTENT)}
    return requests.post(url, files=form, headers={"Idempotency-Key": key}, timeout=30)


def listed(url: str) -> list[Json]:
    data: list[Json] = requests.get(url, timeout=30).json()["data"]
    return data


@contextmanager
def held_upload(server: Server, url: str, key: str) -> Iterator[Future[requests.Response]]:
    """Run the block while the server has the key, and a part, of an upload that goes on after."""
    go_on = threading.Event()
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield part + CONTENT[:10_000]
        go_on.wait(30)
        yield CONTENT[10_000:] + b"\r\n--b--\r\n"

    def is_known() -> bool:
        with catalog_of(server.data_dir) as catalog:
            query = "SELECT count(*) FROM idempotency_keys WHERE key = ?"
            return bool(catalog.execute(query, (key,)).fetchone()[0])

    headers = {"Idempotency-Key": key, "Content-Type": "multipart/form-data; boundary=b"}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(requests.post, url, data=body(), headers=headers, timeout=30)
        try:
            wait_until(is_known)
            yield answer
        finally:
            go_on.set()


def test_an_upload_that_still_runs_has_its_key(live: Server, key: str) -> None:
    url = files_of(live, create(live).json())
    with held_upload(live, url, key) as first:
        refused = upload(url, key)
    again = upload(url, key)

    assert refused.status_code == 409
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert [file["id"] for file in listed(url)] == [first.result().json()["id"]]
    assert again.json()["id"] == first.result().json()["id"]


def test_of_many_creates_at_once_one_is_done(live: Server, key: str) -> None:
    start = threading.Barrier(CLIENTS)

    def race(_number: int) -> requests.Response:
        start.wait(30)
        return create(live, key, name=key)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(race, range(CLIENTS)))

    done = {answer.json()["id"] for answer in answers if answer.status_code == 200}
    url = f"{live.url}/v1/containers?provider=openai&name={key}"
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {container["id"] for container in listed(url)} == done
    assert len(done) == 1


def test_an_answer_outlives_a_kill(server: Server, key: str) -> None:
    created = create(server, key).json()
    uploaded = upload(files_of(server, created), key).json()
    server.kill()
    server.start()
    url = files_of(server, created)

    assert create(server, key).json()["id"] == created["id"]
    assert upload(url, key).json()["id"] == uploaded["id"]
    assert [file["id"] for file in listed(url)] == [uploaded["id"]]


def test_an_upload_that_was_killed_can_be_done_again(server: Server, key: str) -> None:
    container = create(server).json()
    with held_upload(server, files_of(server, container), key) as first:
        server.kill()
    server.start()
    url = files_of(server, container)
    answers = []

    def is_free() -> bool:
        answers.append(upload(url, key))
        return answers[-1].status_code != 409

    wait_until(is_free, timeout_s=15)

    assert isinstance(first.exception(), requests.RequestException)
    assert answers[-1].status_code == 200
    assert listed(url) == [without_extra_fields(answers[-1].json())]


def without_extra_fields(body: Json) -> Json:
    return {k: v for k, v in body.items() if k != "extra_fields"}
