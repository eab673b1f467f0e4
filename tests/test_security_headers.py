"""What browsers are told of each answer, and which pages may call."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from tests.edges.wire import exchange
from tests.server import Server

HERE, THERE = "https://app.example.org", "https://evil.example.org"
LOCKED = "default-src 'none'; frame-ancestors 'none'; sandbox"
UPLOAD = {"file": ("page.html", b"<script>alert(1)</script>", "text/html")}
NATIVE = {"provider": "ollama"}


@pytest.fixture(scope="module")
def open_to_a_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a gateway that one origin's pages may call."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("cors"), cors_origins=HERE)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize("path", ["/health", "/v1/providers", "/nowhere", "/v1/containers"])
def test_an_answer_is_neither_shown_nor_stored(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == LOCKED
    assert headers["Cache-Control"] == "no-store"


def test_what_is_not_http_is_refused_with_the_same_headers(live: Server) -> None:
    headers = exchange(live.url, b"nonsense\r\n\r\n").headers

    assert headers["Content-Security-Policy"] == LOCKED
    assert headers["Cache-Control"] == "no-store"


def test_the_page_loads_its_own_files_only(client: TestClient) -> None:
    policy = client.get("/ui/").headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_downloaded_page_is_never_shown_as_one(
    client: TestClient, new_container: dict[str, object]
) -> None:
    files = f"/v1/containers/{new_container['id']}/files"
    made = client.post(files, files=UPLOAD, params=NATIVE).json()
    headers = client.get(f"{files}/{made['id']}/content", params=NATIVE).headers

    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].endswith("sandbox")
    assert headers["Cache-Control"] == "private, no-cache"


def test_no_page_may_call_by_default(client: TestClient) -> None:
    answer = client.get("/health", headers={"Origin": HERE})

    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("origin", "allowed"), [(HERE, HERE), (THERE, None)])
def test_pages_of_a_named_origin_may_call(
    open_to_a_page: TestClient, origin: str, allowed: str | None
) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = open_to_a_page.options("/v1/containers", headers=asks)
    answer = open_to_a_page.get("/v1/providers", headers={"Origin": origin})

    assert preflight.is_success is (allowed is not None)
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
