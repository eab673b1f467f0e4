"""Serving: ending without losing a request, several workers, several servers, a taken port."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.calls import blobs_in
from tests.remote import PROVIDER, create, download, upload
from tests.server import Server
from tests.waiting import wait_until

CONTENT = bytes(range(256)) * 4000
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="slow.bin"\r\n\r\n'
    + CONTENT
    + b"\r\n--B--\r\n"
)
HALF = len(FORM) // 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may end."""
    with Server(tmp_path / "data") as server:
        yield server


def test_an_upload_under_way_is_completed_before_the_end(server: Server) -> None:
    connection = start_upload(server, create(server.url))
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(server.stop)
        wait_until(lambda: refuses(server.url))
        answer = finish_upload(connection)

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert ended.result() == 0
    with server:
        assert download(server.url, json.loads(answer.split("\r\n\r\n")[1])) == CONTENT


def test_idle_connections_do_not_delay_the_end(server: Server) -> None:
    idle = requests.Session()
    idle.get(f"{server.url}/health", timeout=30)

    assert server.stop() == 0
    idle.close()


def test_an_upload_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with Server(tmp_path / "data", BERTH_SHUTDOWN_TIMEOUT_S="1") as server:
        files = create(server.url)
        connection = start_upload(server, files)
        ended = server.stop()
    connection.close()

    assert ended == 0
    with server:
        here = f"{server.url}{urlsplit(files).path}"
        assert requests.get(here, params=PROVIDER, timeout=30).json()["data"] == []


def test_every_worker_serves(live: Server) -> None:
    workers = live.workers()
    assert len(workers) == 2
    for worker in workers:
        wait_until(partial(serves_without, live, worker))


def test_a_killed_worker_is_replaced(server: Server) -> None:
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: server.workers() not in ([], [worker]))

    assert requests.get(f"{server.url}/ready", timeout=30).ok


def test_two_servers_share_one_data_directory(live: Server) -> None:
    with Server(live.data_dir) as other:
        files = create(live.url)
        file = upload(f"{other.url}{urlsplit(files).path}", CONTENT)

        assert download(live.url, file) == CONTENT
        assert other.stop() == 0
    assert download(live.url, file) == CONTENT


def test_a_taken_port_is_named(live: Server, tmp_path: Path) -> None:
    port = str(urlsplit(live.url).port)
    with pytest.raises(RuntimeError, match=f"Connection in use: .*{port}") as failure:
        Server(tmp_path / "data", PORT=port).start()

    assert "Traceback" not in str(failure.value)


def start_upload(server: Server, files: str) -> socket.socket:
    """Send a file's first half, and return when the server is in the midst of it."""
    address = urlsplit(files)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {len(FORM)}\r\n\r\n"
    )
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    connection.sendall(head.encode() + FORM[:HALF])
    wait_until(lambda: any(blob.stat().st_size for blob in blobs_in(server.data_dir)))
    return connection


def finish_upload(connection: socket.socket) -> str:
    """Send the second half, and return the answer up to the end of the connection."""
    connection.sendall(FORM[HALF:])
    with connection, connection.makefile("rb") as answer:
        return answer.read().decode()


def refuses(url: str) -> bool:
    """Tell whether nobody takes new connections there."""
    try:
        socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)).close()
    except ConnectionRefusedError:
        return True
    return False


def serves_without(server: Server, worker: int) -> bool:
    """Tell whether the server answers while this worker does nothing."""
    os.kill(worker, signal.SIGSTOP)
    try:
        return requests.get(f"{server.url}/health", timeout=1).ok
    except requests.Timeout:  # the others may still be starting
        return False
    finally:
        os.kill(worker, signal.SIGCONT)
