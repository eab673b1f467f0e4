"""Clients that stall, go away, or send more than they may: they cost nobody anything."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.calls import blobs_in
from tests.edges.forms import END, FORM, file
from tests.edges.wire import Wire, chunked, exchange, head, message
from tests.envelope import Json, refusal
from tests.server import Server
from tests.waiting import wait_until

CREATE = b'{"provider":"ollama","name":"edge"}'
JSON = "Content-Type: application/json"
LARGE = b"x" * 8_000_000
MAX_FILE_BYTES = len(LARGE)
RESET = struct.pack("ii", 1, 0)
"""What makes closing a socket reset its connection (SO_LINGER)."""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits half a second for clients, and takes files of eight megabytes."""
    data_dir = tmp_path_factory.mktemp("impatient") / "data"
    limits = {"BERTH_IDLE_TIMEOUT_S": "0.5", "BERTH_MAX_FILE_BYTES": str(MAX_FILE_BYTES)}
    with Server(data_dir, WEB_CONCURRENCY="1", **limits) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def files(impatient: Server) -> str:
    """The path of the files of a fresh container."""
    made = exchange(impatient.url, message("POST", "/v1/containers", JSON, body=CREATE))
    return f"/v1/containers/{made.json()['id']}/files"


@pytest.fixture
def content(impatient: Server, files: str) -> str:
    """The path of a large file's content."""
    made = exchange(impatient.url, message("POST", files, FORM, body=file(data=LARGE) + END))
    return f"{files}/{made.json()['id']}/content?provider=ollama"


def listed(server: Server, files: str) -> list[Json]:
    """Return the files at a path."""
    answer = requests.get(f"{server.url}{files}", {"provider": "ollama"}, timeout=20)
    data: list[Json] = answer.json()["data"]
    return data


def held(server: Server, kind: str) -> int:
    """Return how many descriptors the server has open on paths that contain `kind`."""
    (worker,) = server.workers()
    return sum(kind in target for target in _targets(Path(f"/proc/{worker}/fd")))


def _targets(descriptors: Path) -> Iterator[str]:
    for descriptor in descriptors.iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:  # closed since it was listed
            continue


def unfinished(files: str, data: bytes = b"x" * 500_000) -> bytes:
    """Return the beginning of an upload that announces more than it sends."""
    return head("POST", files, FORM, "Content-Length: 1000000") + file(data=data)


def test_a_client_that_stalls_in_its_upload_is_408(impatient: Server, files: str) -> None:
    with Wire(impatient.url) as wire:
        answer = wire.send(unfinished(files)).answer()

        assert refusal(answer, 408)["code"] == "request_timeout"
        assert wire.closed()
    assert listed(impatient, files) == []


def test_a_client_that_stalls_in_its_json_is_408(impatient: Server) -> None:
    with Wire(impatient.url) as wire:
        wire.send(head("POST", "/v1/containers", JSON, "Content-Length: 50") + CREATE)
        answer = wire.answer()

        assert refusal(answer, 408)["request_type"] == "container_create"
        assert wire.closed()


def test_others_are_served_while_clients_stall(live: Server, container: str) -> None:
    files = f"{container}/files"
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(Wire(live.url)).send(unfinished(files))
        answers = [exchange(live.url, message("POST", files, FORM, body=file() + END))]
        answers += [exchange(live.url, head("GET", "/health")) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}


def test_a_stalled_upload_leaves_nothing(impatient: Server, files: str) -> None:
    before = blobs_in(impatient.data_dir)
    refusal(exchange(impatient.url, unfinished(files)), 408)

    assert blobs_in(impatient.data_dir) == before


@pytest.mark.parametrize("linger", [None, RESET], ids=["closed", "reset"])
def test_an_upload_that_breaks_off_leaves_nothing(
    impatient: Server, files: str, linger: bytes | None
) -> None:
    before = blobs_in(impatient.data_dir)
    with Wire(impatient.url) as wire:
        wire.send(unfinished(files))
        wait_until(lambda: blobs_in(impatient.data_dir) != before)
        if linger is not None:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    wait_until(lambda: blobs_in(impatient.data_dir) == before)
    assert listed(impatient, files) == []


def test_an_upload_cut_off_before_its_last_boundary_leaves_nothing(
    impatient: Server, files: str
) -> None:
    before = blobs_in(impatient.data_dir)
    with Wire(impatient.url) as wire:
        wire.send(message("POST", files, FORM, body=file() + END)[: -len(END)])
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.closed()

    wait_until(lambda: blobs_in(impatient.data_dir) == before)
    assert listed(impatient, files) == []


@pytest.mark.parametrize("linger", [None, RESET], ids=["closed", "reset"])
def test_downloads_that_break_off_are_let_go_of(
    impatient: Server, content: str, linger: bytes | None
) -> None:
    wait_until(lambda: held(impatient, "/blobs/") == 0)
    sockets = held(impatient, "socket:")
    for _ in range(10):
        with Wire(impatient.url, receive_buffer=4096) as wire:
            wire.send(head("GET", content)).socket.recv(1000)
            if linger is not None:
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    wait_until(lambda: held(impatient, "/blobs/") == 0)
    wait_until(lambda: held(impatient, "socket:") <= sockets)
    assert exchange(impatient.url, head("GET", content)).content == LARGE


def test_a_client_that_stops_taking_its_download_is_let_go_of(
    impatient: Server, content: str
) -> None:
    with Wire(impatient.url, receive_buffer=4096) as wire:
        wire.send(head("GET", content)).socket.recv(1000)
        assert held(impatient, "/blobs/") == 1
        wait_until(lambda: held(impatient, "/blobs/") == 0)
        rest = sum(len(data) for data in iter(lambda: wire.socket.recv(2**20), b""))

    assert rest < len(LARGE)


def test_asking_only_for_the_head_of_a_download_holds_nothing(
    impatient: Server, content: str
) -> None:
    answer = exchange(impatient.url, head("HEAD", content))

    assert answer.headers["Content-Length"] == str(len(LARGE))
    wait_until(lambda: held(impatient, "/blobs/") == 0)


@pytest.mark.parametrize("request_", [message, chunked])
def test_a_file_that_is_too_large_is_413_and_leaves_nothing(
    impatient: Server, files: str, request_: Callable[..., bytes]
) -> None:
    before = blobs_in(impatient.data_dir)
    form = file(data=LARGE + b"x") + END
    answer = exchange(impatient.url, request_("POST", files, FORM, body=form))

    error = refusal(answer, 413)
    assert (error["param"], error["code"]) == ("file", "request_too_large")
    assert blobs_in(impatient.data_dir) == before
    assert listed(impatient, files) == []


def test_a_file_may_be_as_large_as_the_limit(impatient: Server, content: str) -> None:
    answer = exchange(impatient.url, head("GET", content))

    assert answer.headers["Content-Length"] == str(MAX_FILE_BYTES)


def test_a_connection_serves_on_after_a_refused_upload(impatient: Server, files: str) -> None:
    with Wire(impatient.url) as wire:
        wire.send(message("POST", files, FORM, body=file(data=LARGE + b"x" * 1_000_000) + END))
        refused = wire.answer()
        answer = wire.send(message("POST", files, FORM, body=file() + END)).answer()

    refusal(refused, 413)
    assert answer.status_code == 200
