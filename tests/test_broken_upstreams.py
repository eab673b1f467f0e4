"""The broken fake provider does what each of its behaviours is called after, and always ends."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.upstreams import behaviours as b
from tests.upstreams.bodies import ACCOUNT_TEXTS, OTHERS, Dialect, error_body
from tests.upstreams.broken import Broken

HEAD = b"GET /v1/containers HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def broken() -> Iterator[Broken]:
    with Broken() as server:
        yield server


def get(server: Broken, timeout: float = 5) -> requests.Response:
    return requests.get(f"{server.base_url}/containers", timeout=timeout, allow_redirects=False)


def raw(server: Broken, size: int = 10_000_000) -> tuple[bytes, str | None]:
    """Return what comes, but no more than so many bytes, and the error that ended it."""
    received = bytearray()
    with socket.create_connection(server.address, timeout=5) as client:
        client.sendall(HEAD)
        try:
            while len(received) < size and (data := client.recv(65536)):
                received += data
        except OSError as exc:
            return bytes(received), type(exc).__name__
    return bytes(received), None


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_every_status_has_a_body_of_its_dialect(broken: Broken, dialect: Dialect) -> None:
    statuses = range(400, 600)
    broken.script([b.error(status, dialect) for status in statuses])
    with requests.Session() as session:
        answers = [session.get(broken.base_url) for _ in statuses]

    assert [a.status_code for a in answers] == list(statuses)
    assert all(a.json()["error"]["message"] for a in answers)
    assert all(("type" in a.json()["error"]) == (dialect == "openai") for a in answers)
    assert (len(broken.requests), broken.connections, broken.unused) == (200, 1, [])


def test_some_bodies_tell_of_the_account() -> None:
    told = b"".join(error_body(s, d) for s in (401, 403, 429) for d in ("openai", "azure"))

    assert all(text.encode() in told for text in ACCOUNT_TEXTS)


@pytest.mark.parametrize("name", OTHERS)
def test_other_bodies_are_sent_as_they_are(broken: Broken, name: str) -> None:
    status, body = OTHERS[name]
    broken.script([b.answer(body, status=status)])
    answer = get(broken)

    assert (answer.status_code, answer.content) == (status, body)
    assert json.loads(body)


def test_pages_and_empty_bodies_come_with_any_status(broken: Broken) -> None:
    broken.script([b.html(502), b.html(503, "azure"), b.empty(500), b.empty(200)])
    answers = [get(broken) for _ in range(4)]

    assert [a.status_code for a in answers] == [502, 503, 500, 200]
    assert [a.text.strip().endswith("</html>") for a in answers] == [True, True, False, False]
    assert answers[0].headers["Content-Type"] == "text/html"


def test_an_answer_of_200_may_make_no_sense(broken: Broken) -> None:
    broken.script([b.wrong_json(), b.error_inside(), b.json_list(), b.answer()])
    answers = [get(broken) for _ in range(4)]

    with pytest.raises(requests.JSONDecodeError):
        answers[0].json()
    assert list(answers[1].json()) == ["error"]
    assert isinstance(answers[2].json(), list)
    assert answers[3].json()["id"] == b.CONTAINER_ID


@pytest.mark.parametrize("name", b.RETRY_AFTERS)
def test_retry_after_has_many_forms(broken: Broken, name: str) -> None:
    broken.script([b.error(429, headers={"Retry-After": b.RETRY_AFTERS[name]})])

    assert get(broken).headers["Retry-After"] == b.RETRY_AFTERS[name]


@pytest.mark.parametrize("location", ["http://other.invalid/", "file:///etc/passwd"])
def test_a_redirect_names_its_target(broken: Broken, location: str) -> None:
    broken.script([b.redirect(location, 307)])
    answer = get(broken)

    assert (answer.status_code, answer.headers["Location"]) == (307, location)


def test_a_length_that_is_too_short_cuts_the_body(broken: Broken) -> None:
    broken.script([b.too_short(by=10)])

    assert get(broken).content == b.CONTAINER[:-10]


@pytest.mark.parametrize(
    "behaviour", [b.too_long(), b.broken_chunks(), b.chunks_without_end(), b.reset(after=20)]
)
def test_a_body_that_does_not_end_as_it_should(broken: Broken, behaviour: b.Behaviour) -> None:
    broken.script([behaviour])

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        get(broken)


@pytest.mark.parametrize("behaviour", [b.hang_up(), b.reset_silently(), b.refuse(), b.not_http()])
def test_no_answer_comes(broken: Broken, behaviour: b.Behaviour) -> None:
    broken.script([behaviour])

    with pytest.raises(requests.ConnectionError):
        get(broken)
    assert broken.unused == []


@pytest.mark.parametrize("behaviour", [b.silence(), b.stall(after=10)])
def test_a_stall_lasts_until_the_client_gives_up(broken: Broken, behaviour: b.Behaviour) -> None:
    broken.script([behaviour])

    with pytest.raises((requests.Timeout, requests.ConnectionError), match="timed out"):
        get(broken, timeout=0.1)
    until(lambda: broken.open_connections == 0)


@pytest.mark.parametrize("after", [0, 1, 50, 3_000_000])
def test_a_reset_comes_at_its_byte(broken: Broken, after: int) -> None:
    broken.script([b.reset(after, body=bytes(4_000_000))])
    received, error = raw(broken)

    assert len(received.partition(b"\r\n\r\n")[2]) == after
    assert error == "ConnectionResetError"


def test_a_body_drips(broken: Broken) -> None:
    broken.script([b.drip(every_s=0.01, body=b"0123456789")])
    started = time.monotonic()

    assert get(broken).content == b"0123456789"
    assert time.monotonic() - started > 0.1


def test_headers_may_never_end(broken: Broken) -> None:
    broken.script([b.endless_head(every_s=0)])
    received, _ = raw(broken, size=100_000)

    assert b"\r\n\r\n" not in received
    assert received.count(b"x-padding: 0\r\n") > 1000
    until(lambda: broken.open_connections == 0)


@pytest.mark.parametrize("behaviour", [b.then_close(), b.then_close(by_reset=True)])
def test_an_idle_connection_is_closed(broken: Broken, behaviour: b.Behaviour) -> None:
    broken.script([behaviour], otherwise=b.answer())
    with requests.Session() as session:
        first = session.get(broken.base_url)
        until(lambda: broken.open_connections == 0)
        second = session.get(broken.base_url)

    assert "Connection" not in first.headers
    assert (first.status_code, second.status_code, broken.connections) == (200, 200, 2)


@pytest.mark.parametrize("behaviour", [b.early(413), b.early(413, reads_on=True)])
def test_an_answer_may_come_before_the_body(broken: Broken, behaviour: b.Behaviour) -> None:
    broken.script([behaviour])
    with socket.create_connection(broken.address, timeout=5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        received = client.recv(65536)

    assert received.startswith(b"HTTP/1.1 413 ")
    assert broken.requests[0].body == b""
