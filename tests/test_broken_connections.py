"""The broken fake provider loses replies, counts what comes, and leaves nothing behind."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.upstreams import behaviours as b
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict
from tests.upstreams.unreachable import refusing, unresponsive

KEY = "sk-of-this-test"


@pytest.fixture
def strict() -> Iterator[Strict]:
    with Strict(KEY) as server:
        yield server


def create(server: Broken) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{server.base_url}/containers"
    return requests.post(url, json={"name": "box"}, headers=headers, timeout=5)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize(("after", "how"), [(0, "hang up"), (0, "reset"), (30, "reset")])
def test_a_reply_is_lost_when_the_work_is_done(strict: Strict, after: int, how: str) -> None:
    with Broken(strict) as broken:
        broken.script([b.lost_reply(strict, after=after, by_reset=how == "reset")])
        with pytest.raises(requests.ConnectionError):
            create(broken)
        again = create(broken)

        assert again.json()["id"] in strict.containers
        assert [c.name for c in strict.containers.values()] == ["box", "box"]
        assert strict.violations == []


def test_a_reply_that_is_lost_within_its_head_looks_like_an_empty_one(strict: Strict) -> None:
    with Broken(strict) as broken:
        broken.script([b.lost_reply(strict, after=30)])

        assert (create(broken).content, len(strict.containers)) == (b"", 1)


def test_a_relay_changes_nothing(strict: Strict) -> None:
    with Broken(strict) as broken:
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{broken.base_url}/containers/{strict.add_container('box')}/files"
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n--b--'
        type_ = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = requests.post(url, data=iter([form]), headers=headers | type_, timeout=5)

        assert answer.json()["bytes"] == 1
        assert (strict.requests[0].chunked, strict.violations) == (True, [])


def test_connections_and_requests_are_counted() -> None:
    with Broken() as broken, requests.Session() as session:
        broken.script([b.refuse(), b.empty(200), b.error(429)])
        with pytest.raises(requests.ConnectionError):
            session.get(broken.base_url)
        statuses = [session.get(broken.base_url).status_code for _ in range(3)]

    assert statuses == [200, 429, 500]
    assert [r.behaviour for r in broken.requests] == ["answer 200", "answer 429", "answer 500"]
    assert broken.connections == 2


def test_nothing_is_left_when_it_ends() -> None:
    before = threading.active_count()
    with Broken() as broken:
        broken.script([b.silence(), b.stall(), b.drip(), b.endless_head()])
        clients = [socket.create_connection(broken.address) for _ in range(5)]
        for client in clients[:4]:
            client.sendall(b"GET /v1/containers HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(broken.requests) == 4 and broken.open_connections == 5)

    assert threading.active_count() == before
    for client in clients:
        client.close()


def test_a_port_may_refuse_or_not_respond() -> None:
    with refusing() as origin, pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(origin, timeout=5)
    with unresponsive() as origin, pytest.raises(requests.ConnectTimeout):
        requests.get(origin, timeout=0.2)
