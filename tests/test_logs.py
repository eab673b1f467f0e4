"""The log: a JSON object a line, with its request, and nothing that clients keep to themselves."""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.remote import create
from tests.server import Server
from tests.waiting import wait_until

CANARY = "sk-canary-7f6c8b8e"
KEYS = {
    "Authorization": f"Bearer {CANARY}",
    "api-key": CANARY,
    "x-api-key": CANARY,
    "x-bf-vk": CANARY,
    "Cookie": f"session={CANARY}",
}
FIRST = {"provider": "ollama", "name": "n", "metadata": {CANARY: CANARY}}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=B"}
PART = (
    f'--B\r\nContent-Disposition: form-data; name="file"; filename="{CANARY}"\r\n\r\n{CANARY}\r\n'
)

REQUESTS: list[tuple[int, str, str, dict[str, Any]]] = [
    (200, "POST", "/v1/containers", {"json": FIRST}),
    (200, "GET", "/v1/containers?provider=ollama&name=sk-canary-7f6c8b8e", {}),
    (200, "POST", "{files}", {"data": f"{PART}--B--\r\n", "headers": FORM}),
    (400, "GET", "/health?api_key=sk-canary-7f6c8b8e", {}),
    (400, "GET", "/health?sk-canary-7f6c8b8e", {}),
    (400, "GET", "/v1/containers?provider=sk-canary-7f6c8b8e", {}),
    (400, "GET", "{files}?provider=ollama&after=sk-canary-7f6c8b8e", {}),
    (400, "POST", "/v1/containers", {"data": f'{{"{CANARY}"'}),
    (400, "POST", "/v1/containers", {"json": {CANARY: CANARY}}),
    (400, "POST", "/v1/containers", {"json": {**FIRST, "memory_limit": CANARY}}),
    (400, "POST", "{files}", {"data": PART, "headers": FORM}),
    (400, "POST", "{files}", {"data": PART + f"--B\r\n{CANARY}", "headers": FORM}),
    (400, "POST", "{files}", {"data": PART.replace(CANARY, f"../{CANARY}"), "headers": FORM}),
    (404, "GET", "/nowhere?key=sk-canary-7f6c8b8e", {}),
    (404, "POST", "{files}", {"json": {"file_id": CANARY}}),
    (405, "PUT", "/v1/containers?key=sk-canary-7f6c8b8e", {"data": CANARY}),
    (413, "POST", "/v1/containers", {"data": CANARY * 100_000}),
    (415, "POST", "/v1/containers", {"data": CANARY, "headers": {"Content-Type": "text/plain"}}),
]
"""Status, method and target of requests that carry the canary; `{files}` is the files' path."""


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that logs all it can."""
    data_dir = tmp_path_factory.mktemp("logs") / "data"
    with Server(data_dir, BERTH_LOG_LEVEL="debug") as server:
        yield server


@pytest.fixture(scope="module")
def files(talkative: Server) -> str:
    """The path of a container's files."""
    return urlsplit(create(talkative.url)).path


@pytest.mark.parametrize(("status", "method", "target", "arguments"), REQUESTS)
def test_what_clients_send_is_not_logged(
    talkative: Server, files: str, status: int, method: str, target: str, arguments: dict[str, Any]
) -> None:
    answer = ask(talkative, method, target.replace("{files}", files), **arguments)

    assert answer.status_code == status, answer.text
    assert line_about(talkative, answer)["status"] == status
    assert CANARY not in talkative.log.read_text()


def test_a_key_that_is_reused_is_not_logged(talkative: Server) -> None:
    bodies = [FIRST, {**FIRST, "name": CANARY}]
    answers = [
        ask(talkative, "POST", "/v1/containers", json=body, headers={"Idempotency-Key": CANARY})
        for body in bodies
    ]

    assert [line_about(talkative, answer)["status"] for answer in answers] == [200, 422]
    assert CANARY not in talkative.log.read_text()


@pytest.mark.parametrize(("method", "path"), [("GET", "/health"), ("DELETE", "/v1/containers/x")])
def test_a_request_has_one_line_under_its_id(live: Server, method: str, path: str) -> None:
    answer = ask(live, method, f"{path}?provider=ollama")

    line = line_about(live, answer)
    assert line["message"] == f"{method} {path}"
    assert line["status"] == answer.status_code
    assert line["ms"] > 0
    assert set(line) == {"time", "level", "logger", "message", "status", "ms", "request_id"}


def test_a_path_cannot_forge_a_line(live: Server) -> None:
    answer = ask(live, "GET", '/v1/x%0A{"level":"ERROR","message":"forged"}')

    assert line_about(live, answer)["level"] == "INFO"
    assert "forged" not in {line["message"] for line in lines(live)}


def test_a_failure_is_logged_under_its_request_without_what_was_sent(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as catalog, catalog:
            catalog.execute("DROP TABLE idempotency_keys")
        answer = ask(server, "POST", "/v1/containers", json=FIRST)
        line_about(server, answer)

    assert answer.status_code == 500
    (failure,) = [line for line in lines(server) if line["logger"] == "berth.errors"]
    assert failure["request_id"] == answer.headers["x-request-id"]
    assert "no such table" in failure["exc_info"]
    assert CANARY not in server.log.read_text()
    assert "idempotency_keys" not in answer.text


def test_everything_from_start_to_end_is_json(tmp_path: Path) -> None:
    """Without httpx2, which tests need and `make run` does not install, starlette warns."""
    (tmp_path / "httpx2.py").write_text("raise ModuleNotFoundError")
    with Server(tmp_path / "data", WEB_CONCURRENCY="2", PYTHONPATH=str(tmp_path)) as server:
        ask(server, "GET", "/nowhere")
        server.stop()

    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines(server))
    ours = ("berth", "berth.requests", "gunicorn.error")
    assert [line for line in lines(server) if line["logger"] not in ours] == []


def ask(server: Server, method: str, target: str, **arguments: Any) -> requests.Response:
    """Send a request with the canary in every header that may carry a key."""
    key = {"Idempotency-Key": f"{CANARY} {secrets.token_hex(8)}"}
    headers = KEYS | JSON | key | arguments.pop("headers", {})
    return requests.request(
        method, f"{server.url}{target}", headers=headers, timeout=30, **arguments
    )


def lines(server: Server) -> list[dict[str, Any]]:
    """Return what the server logged."""
    whole, _, _ = server.log.read_text().rpartition("\n")  # the last may still be written
    return [json.loads(line) for line in whole.splitlines()]


def line_about(server: Server, answer: requests.Response) -> dict[str, Any]:
    """Return the one line about the request that was answered so; it may come after the answer."""

    def found() -> list[dict[str, Any]]:
        id_ = answer.headers["x-request-id"]
        logged = [line for line in lines(server) if line.get("request_id") == id_]
        return [line for line in logged if line["logger"] == "berth.requests"]

    wait_until(lambda: bool(found()))
    (line,) = found()
    return line
