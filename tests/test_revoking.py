"""A key that is revoked lets nothing new in, on any process, and ends nothing that was let in."""

import json
from collections.abc import Iterator

import pytest
import requests
from click.testing import CliRunner

from gateway.cli import main
from tests.edges.forms import END, FORM, file
from tests.edges.wire import Wire, head
from tests.server import Server
from tests.waiting import wait_until

CONTENT = bytes(range(256)) * 50_000
KEYS = "/v1/admin/keys"
FOLLOWS_S = 5
"""How soon every process is to know."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two processes."""
    with Server(tmp_path_factory.mktemp("revoking") / "data", WEB_CONCURRENCY="2") as server:
        yield server


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    return berth(server, "keys", "create", "--tenant", "platform", "--role", "admin").strip()


def berth(server: Server, *arguments: str) -> str:
    """Return what a `berth` command says on its standard output."""
    environ = {"BERTH_DATA_DIR": str(server.data_dir)}
    done = CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def ask(server: Server, method: str, path: str, key: str, body: object = None) -> requests.Response:
    """Send a request over a connection of its own."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    return requests.request(method, server.url + path, headers=headers, json=body, timeout=20)


def is_refused_everywhere(server: Server, secret: str) -> bool:
    """Tell whether each process refuses a key."""
    for worker in server.workers():
        with server.only(worker):
            if ask(server, "GET", "/v1/providers", secret).status_code != 401:
                return False
    return True


def test_what_was_let_in_goes_on_to_its_end(server: Server, admin: str) -> None:
    key = ask(server, "POST", KEYS, admin, {"tenant": "research"}).json()
    secret = key["secret"]
    spec = {"provider": "ollama", "name": "n"}
    made = ask(server, "POST", "/v1/containers", secret, spec).json()
    files = f"/v1/containers/{made['id']}/files?provider=ollama"
    form = file(data=CONTENT) + END
    sends = head("POST", files, f"api-key: {secret}", FORM, f"Content-Length: {len(form)}")
    with Wire(server.url) as upload:
        upload.send(sends + form[:-1000])
        with Wire(server.url) as other, Wire(server.url, receive_buffer=4096) as download:
            stored = other.send(sends + form).answer().json()
            path = f"/v1/containers/{made['id']}/files/{stored['id']}/content?provider=ollama"
            download.send(head("GET", path, f"x-bf-vk: {secret}"))
            assert download.socket.recv(12) == b"HTTP/1.1 200"
            assert ask(server, "DELETE", f"{KEYS}/{key['id']}", admin).status_code == 200
            wait_until(lambda: is_refused_everywhere(server, secret), timeout_s=FOLLOWS_S)

            assert received(download).endswith(CONTENT)
        assert upload.send(form[-1000:]).answer().status_code == 200


def received(wire: Wire) -> bytes:
    """Return the rest of an answer as it comes, until the size of the content is there."""
    data = bytearray()
    while len(data.partition(b"\r\n\r\n")[2]) < len(CONTENT):
        data += wire.socket.recv(1_000_000)
    return bytes(data)


def test_no_key_is_found_where_it_does_not_belong(server: Server, admin: str) -> None:
    """A member's and an admin's key, used well and badly, and a key that was never one."""
    made = ask(server, "POST", KEYS, admin, {"tenant": "canary"}).json()
    secret, unknown = made["secret"], "bk_" + "c4n4ry" * 6
    answers = [
        ask(server, "GET", "/v1/containers?provider=nobody", secret),
        ask(server, "POST", "/v1/containers", secret, {"provider": "ollama", "name": 1}),
        ask(server, "GET", KEYS, secret),
        ask(server, "GET", KEYS, admin),
        ask(server, "GET", f"{KEYS}/{made['id']}", admin),
        ask(server, "GET", f"/v1/providers?api_key={unknown}", unknown),
        ask(server, "GET", f"/v1/providers?api_key={secret}", secret),
        ask(server, "GET", "/metrics", admin),
    ]
    told = [answer.text + json.dumps(dict(answer.headers)) for answer in answers]
    told.append(berth(server, "audit", "export") + berth(server, "keys", "list", "--json"))
    paths = [server.log, *(path for path in server.data_dir.rglob("*") if path.is_file())]
    kept = [path.read_bytes() for path in paths]

    for canary in (admin, secret, unknown):
        assert [text for text in told if canary in text] == []
        assert [data for data in kept if canary.encode() in data] == []
