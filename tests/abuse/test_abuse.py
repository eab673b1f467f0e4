"""Bombs, endless bodies and slow clients against a real server that serves others meanwhile."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from tests.edges.forms import END, FORM, file, part
from tests.edges.wire import Answer, Wire, exchange, head, message
from tests.envelope import refusal
from tests.server import Server
from tests.waiting import wait_until

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
CREATE = b'{"provider":"ollama","name":"abused"}'
CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
LARGE = b"x" * 8_000_000
HEAD_TIMEOUT_S = 1.0
IDLE_TIMEOUT_S = 0.6
SLACK_S = 3
MAX_GROWTH_BYTES = 48 * 1024**2
JSON_OPERATIONS = [
    "/v1/containers",
    "/openai/v1/containers",
    "/v1/containers/cntr_1/files",
    "/openai/v1/containers/cntr_1/files",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one worker with two threads, which waits for nobody for long."""
    limits = {
        "BERTH_THREADS": "2",
        "BERTH_IDLE_TIMEOUT_S": str(IDLE_TIMEOUT_S),
        "BERTH_HEAD_TIMEOUT_S": str(HEAD_TIMEOUT_S),
        "BERTH_MAX_FILE_BYTES": str(len(LARGE)),
    }
    data_dir = tmp_path_factory.mktemp("abuse") / "data"
    with Server(data_dir, WEB_CONCURRENCY="1", **limits) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def files(server: Server) -> str:
    """The path of the files of a fresh container."""
    made = exchange(server.url, message("POST", "/v1/containers", JSON, body=CREATE))
    return f"/v1/containers/{made.json()['id']}/files"


@pytest.fixture(autouse=True)
def _bounded(server: Server) -> Iterator[None]:
    """Fail a test that makes the worker grow, or leaves it unable to answer."""
    before = resident_bytes(server)
    yield
    assert resident_bytes(server) - before < MAX_GROWTH_BYTES
    assert answers_others(server)


@pytest.mark.parametrize("ended", [b"", b"\r\n\r\n"], ids=["unended", "ended"])
@pytest.mark.parametrize(
    "bomb",
    [b"A: " + b"x" * 500_000, b"\r\n".join(b"A%d: x" % n for n in range(50_000)), b"x" * 500_000],
    ids=["one large header", "many headers", "one large name"],
)
def test_a_header_bomb_is_431(server: Server, bomb: bytes, ended: bytes) -> None:
    answer = blast(server, head("GET", "/health")[:-2] + bomb + ended)

    assert refusal(answer, 431)["code"] == "headers_too_large"


def test_headers_without_end_are_cut_off(server: Server) -> None:
    with Wire(server.url) as wire:
        wire.send(head("GET", "/health")[:-2] + b"A: ")

        assert sent_until_cut_off(wire, b"x" * 65536) < 8_000_000


def test_trailers_without_end_are_cut_off(server: Server) -> None:
    with Wire(server.url) as wire:
        wire.send(head("GET", "/health", CHUNKED) + b"0\r\n")

        assert sent_until_cut_off(wire, b"A: x\r\n" * 10_000) < 8_000_000


def test_a_request_line_that_is_too_long_is_414(server: Server) -> None:
    answer = blast(server, head("GET", "/health?a=" + "x" * 500_000))

    assert refusal(answer, 414)["code"] == "uri_too_long"


@pytest.mark.parametrize("path", JSON_OPERATIONS)
@pytest.mark.parametrize("nested", [b"[" * 400_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900])
def test_deep_json_is_400(server: Server, path: str, nested: bytes) -> None:
    answer = exchange(server.url, message("POST", path + "?provider=ollama", JSON, body=nested))

    assert refusal(answer, 400)


def test_ten_thousand_parts_are_refused_at_once(server: Server, files: str) -> None:
    body = part('name="file_path"', b"a") * 10_000 + END
    began = time.monotonic()
    answer = exchange(server.url, message("POST", files, FORM, body=body))

    assert refusal(answer, 400)["param"] == "file_path"
    assert time.monotonic() - began < SLACK_S


def test_a_part_with_a_header_without_end_is_413(server: Server, files: str) -> None:
    body = b"--b\r\nA: " + b"x" * 4_000_000
    answer = exchange(server.url, message("POST", files, FORM, body=body))

    assert refusal(answer, 413)


@pytest.mark.parametrize(
    "start",
    [
        head("GET", "/health", CHUNKED),
        head("DELETE", "/v1/containers/cntr_1?provider=ollama", CHUNKED),
        head("POST", "/v1/containers", JSON, CHUNKED),
        head("POST", "/nowhere", CHUNKED),
        head("GET", "/ui/", CHUNKED),
    ],
    ids=["GET", "DELETE", "JSON", "unknown", "page"],
)
def test_a_body_without_end_is_cut_off(server: Server, start: bytes) -> None:
    with Wire(server.url) as wire:
        wire.send(start)

        assert sent_until_cut_off(wire, CHUNK) < 64_000_000


def test_a_file_without_end_is_413(server: Server, files: str) -> None:
    with Wire(server.url) as wire:
        wire.send(head("POST", files, FORM, CHUNKED))
        begun = file(data=b"")[:-2]
        wire.send(b"%x\r\n%b\r\n" % (len(begun), begun))
        for _ in range(len(LARGE) // 65536 + 2):
            wire.send(CHUNK)

        assert refusal(wire.answer(), 413)["param"] == "file"


@pytest.mark.parametrize("started", [b"", b"\r\n", b"GET ", b"GET /health HTTP/1.1\r\nHost: t\r\n"])
def test_a_head_that_drips_is_cut_off(server: Server, started: bytes) -> None:
    began = time.monotonic()
    with Wire(server.url) as wire:
        wire.send(started)

        assert dripped_until_cut_off(wire, b"A" if started else b"\r\n")
    assert time.monotonic() - began < HEAD_TIMEOUT_S + SLACK_S


def test_an_upload_that_drips_is_408(server: Server, files: str) -> None:
    began = time.monotonic()
    with Wire(server.url) as wire:
        wire.send(head("POST", files, FORM, "Content-Length: 1000000") + file()[:-2])

        assert dripped_until_cut_off(wire, b"x")
    assert time.monotonic() - began < IDLE_TIMEOUT_S + SLACK_S


def test_a_body_that_drips_after_the_answer_is_cut_off(server: Server) -> None:
    with Wire(server.url) as wire:
        wire.send(head("GET", "/health", "Content-Length: 1000000"))
        assert wire.answer().status_code == 200

        assert dripped_until_cut_off(wire, b"x")


def test_requests_without_end_are_cut_off(server: Server) -> None:
    with Wire(server.url, receive_buffer=4096) as wire:
        assert sent_until_cut_off(wire, head("GET", "/openapi.json") * 100) < 8_000_000


def test_a_download_that_is_not_taken_frees_its_file(server: Server, files: str) -> None:
    made = exchange(server.url, message("POST", files, FORM, body=file(data=LARGE) + END)).json()
    with Wire(server.url, receive_buffer=4096) as wire:
        wire.send(head("GET", f"{files}/{made['id']}/content?provider=ollama"))
        wait_until(lambda: held(server, "/blobs/") == 1)

        wait_until(lambda: held(server, "/blobs/") == 0)


def test_others_are_served_while_all_upload_threads_are_stalled(server: Server, files: str) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            wire = stack.enter_context(Wire(server.url))
            wire.send(head("POST", files, FORM, "Content-Length: 1000000") + file())
        for _ in range(5):
            assert answers_others(server)


def blast(server: Server, request: bytes) -> Answer:
    """Send a request that may be refused before its end, and return the answer."""
    with Wire(server.url) as wire:
        with suppress(ConnectionError):
            wire.send(request)
        return wire.answer()


def sent_until_cut_off(wire: Wire, piece: bytes) -> int:
    """Send without end until the server closes the connection; return how many bytes it took."""
    sent = 0
    deadline = time.monotonic() + IDLE_TIMEOUT_S + HEAD_TIMEOUT_S + SLACK_S
    try:
        while time.monotonic() < deadline:
            wire.send(piece)
            sent += len(piece)
    except ConnectionError:
        return sent
    raise AssertionError(f"The server still reads after {sent} bytes.")


def dripped_until_cut_off(wire: Wire, drop: bytes) -> bool:
    """Send a little ten times a second; tell whether the server closes the connection."""
    deadline = time.monotonic() + IDLE_TIMEOUT_S + HEAD_TIMEOUT_S + SLACK_S
    wire.socket.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            wire.send(drop)
            if wire.socket.recv(65536) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def answers_others(server: Server) -> bool:
    """Tell whether the server answers in good time: that it lives, and what it keeps."""
    paths = ("/health", "/ready", "/v1/containers?provider=ollama")
    return all(requests.get(f"{server.url}{path}", timeout=SLACK_S).ok for path in paths)


def resident_bytes(server: Server) -> int:
    """Return how much memory the worker has now."""
    (worker,) = server.workers()
    fields = Path(f"/proc/{worker}/status").read_text(encoding="ascii").split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


def held(server: Server, kind: str) -> int:
    """Return how many descriptors the worker has open on paths that contain `kind`."""
    (worker,) = server.workers()
    count = 0
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        try:
            count += kind in str(descriptor.readlink())
        except FileNotFoundError:  # closed since it was listed
            continue
    return count
