"""Uploads and downloads that break off on either side: nothing is created, nothing looks whole."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.native.broken.conftest import Site
from tests.native.broken.gate import Gate, told
from tests.upstreams import behaviours as b
from tests.upstreams.call import Call
from tests.upstreams.messages import encode_head
from tests.waiting import wait_until

BIG = 3 * 1024 * 1024
BOUNDARY = "frontier"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()
BROKEN_OFF = (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)


def connect(gate: Gate, length: int) -> socket.socket:
    """Begin an upload of so many bytes by hand."""
    url = urlsplit(gate.url)
    client = socket.create_connection((url.hostname, url.port), timeout=10)
    client.sendall(
        f"POST /v1/containers/{gate.container}/files?provider={gate.provider} HTTP/1.1\r\n"
        f"Host: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
    )
    return client


def post(gate: Gate, body: bytes) -> requests.Response:
    path = f"/v1/containers/{gate.container}/files"
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return gate.call("POST", path, data=body, headers={"Content-Type": content_type})


def files(gate: Gate) -> int:
    return len(gate.strict.containers[gate.container].files)


@pytest.mark.parametrize("sent", [1000, BIG])
def test_an_upload_whose_client_goes_away_creates_nothing(openai: Gate, sent: int) -> None:
    pooled = openai.broken.open_connections - (sent == BIG)
    with connect(openai, 100 + BIG * 2) as client:
        client.sendall(HEAD + bytes(sent))
    wait_until(lambda: openai.broken.open_connections <= pooled)

    openai.heal()
    assert files(openai) == 1
    assert [asked.method for asked in openai.broken.requests] == ["GET"]


@pytest.mark.parametrize("sent", [1000, BIG])
def test_an_upload_whose_client_stalls_creates_nothing(openai: Gate, sent: int) -> None:
    with connect(openai, 100 + BIG * 2) as client:
        client.sendall(HEAD + bytes(sent))
        answer = client.recv(65536)

    openai.heal()
    assert answer.split(b" ")[1] in {b"408", b"504"}
    assert files(openai) == 1


def test_an_upload_slower_than_the_total_time_creates_nothing(openai: Gate) -> None:
    def slowly() -> Iterator[bytes]:
        yield HEAD + bytes(BIG)
        for _ in range(20):
            yield bytes(1000)
            threading.Event().wait(0.1)
        yield END

    answer = post(openai, slowly())  # type: ignore[arg-type]

    told(answer, 504)
    openai.heal()
    assert files(openai) == 1


@pytest.mark.parametrize("size", [1000, BIG])
@pytest.mark.parametrize("reads_on", [False, True])
def test_an_early_refusal_of_an_upload_reaches_the_client(
    openai: Gate, size: int, *, reads_on: bool
) -> None:
    openai.broken.script([b.early(413, reads_on=reads_on)])
    answer = openai.upload(bytes(size))

    told(answer, 413)
    assert files(openai) == 1


@pytest.mark.parametrize("size", [1000, BIG])
def test_an_upload_to_a_provider_that_breaks_off_is_sent_once(openai: Gate, size: int) -> None:
    openai.broken.script([b.reset_silently()])
    answer = openai.upload(bytes(size))

    told(answer, 502)
    assert len(openai.broken.requests) == 1


def test_an_upload_that_the_provider_does_not_take_ends(openai: Gate) -> None:
    openai.broken.script([b.Behaviour("never reads", _until_gone, at="head")])
    started = time.monotonic()
    answer = openai.upload(bytes(64 * 1024 * 1024))

    told(answer, 504)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("size", [1000, BIG])
@pytest.mark.parametrize("kind", ["reset", "stall", "drip", "chunks", "long"])
def test_a_download_that_breaks_off_never_looks_whole(openai: Gate, kind: str, size: int) -> None:
    whole = bytes(size)
    chunked = encode_head(200, {"Transfer-Encoding": "chunked"}) + b"%x\r\n%b\r\n" % (size, whole)
    behaviour = {
        "reset": b.reset(size - 1, body=whole),
        "stall": b.stall(size - 1, body=whole),
        "drip": b.drip(0.05, body=whole),
        "chunks": _raw(chunked),
        "long": _raw(encode_head(200, {"Content-Length": str(size + 1)}) + whole),
    }[kind]
    started = time.monotonic()
    try:
        answer = openai.meet("download", behaviour)
    except BROKEN_OFF:
        pass
    else:
        told(answer, 504 if kind in {"stall", "drip"} else 502)

    assert time.monotonic() - started < 2.5
    assert len(openai.asked("download")) == 1


def test_a_download_whose_client_goes_away_lets_go_of_the_provider(openai: Gate) -> None:
    pooled = openai.broken.open_connections
    openai.break_next("download", b.drip(0.01, body=bytes(100 * 1024)))
    path = f"/v1/containers/{openai.container}/files/{openai.file}/content"
    openai.call("GET", path, stream=True).close()

    wait_until(lambda: openai.broken.open_connections < pooled, timeout_s=3)


def test_a_name_with_a_line_break_can_be_downloaded(openai: Gate) -> None:
    openai.file = openai.strict.add_output(openai.container, "a\r\nb: c\x01.txt", b"bytes")
    answer = openai.ask("download")

    assert (answer.status_code, answer.content) == (200, b"bytes")
    assert "b" not in answer.headers


def test_broken_calls_leave_no_socket_and_no_thread(openai: Gate, site: Site) -> None:
    worker = Path(f"/proc/{site.server.workers()[0]}")
    openai.heal()
    sockets, threads = _sockets(worker), len(list((worker / "task").iterdir()))
    for behaviour in [b.reset(5), b.error(500), b.html(502), b.too_long(), b.silence()]:
        for operation in ("create", "download"):
            told(openai.meet(operation, behaviour), 504 if behaviour.name == "silence" else 502)
            openai.heal()

    assert _sockets(worker) <= sockets + 1
    assert len(list((worker / "task").iterdir())) <= threads + 1


def _sockets(worker: Path) -> int:
    return sum(str(fd.readlink()).startswith("socket:") for fd in (worker / "fd").iterdir())


def _raw(data: bytes) -> b.Behaviour:
    def act(call: Call) -> None:
        call.send(data)
        call.hang_up()

    return b.Behaviour("raw", act)


def _until_gone(call: Call) -> None:
    """Read nothing until the client is gone."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and not call.ended:
        threading.Event().wait(0.05)
    call.hang_up()
