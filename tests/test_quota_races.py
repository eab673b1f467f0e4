"""Requests that race cannot pass a limit together: real sockets, two processes, 50 clients."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from click.testing import CliRunner

from gateway.cli import main
from tests.calls import blobs_in, catalog_of
from tests.native.configs import KEY, write_config
from tests.server import Server
from tests.upstreams.strict import Strict
from tests.waiting import wait_until

CLIENTS, FIT, SIZE = 50, 10, 20_000
TIMEOUT_S = 30


@pytest.fixture(scope="module")
def provider() -> Iterator[Strict]:
    with Strict(KEY) as strict:
        yield strict
        assert strict.violations == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Strict) -> Iterator[Server]:
    """A server of two processes, for which `openai` is native."""
    path = tmp_path_factory.mktemp("races")
    one = {"name": "main", "api_key": KEY, "base_url": provider.base_url}
    config = write_config(path / "berth.yaml", {"openai": {"deployments": [one]}})
    with Server(path / "data", BERTH_CONFIG=str(config), WEB_CONCURRENCY="2") as server:
        yield server


def headers_of(server: Server, *limits: str, tenant: str = "racers") -> dict[str, str]:
    """Return the headers of someone with a new key that has limits."""
    arguments = ["keys", "create", "--tenant", tenant, "--quiet", *limits]
    environ = {"BERTH_DATA_DIR": str(server.data_dir)}
    secret = CliRunner().invoke(main, arguments, env=environ).stdout.strip()
    return {"Authorization": f"Bearer {secret}", "Connection": "close"}


def race(request: Callable[[int], requests.Response]) -> Counter[tuple[int, str | None]]:
    """Send all requests at once; return how many were answered with which status and code."""
    start = threading.Barrier(CLIENTS)

    def answer(number: int) -> tuple[int, str | None]:
        start.wait(TIMEOUT_S)
        answered = request(number)
        return answered.status_code, answered.json().get("error", {}).get("code")

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(answer, range(CLIENTS)))


def create(server: Server, headers: dict[str, str], provider: str) -> requests.Response:
    body = {"provider": provider, "name": "n"}
    url = f"{server.url}/v1/containers"
    return requests.post(url, json=body, headers=headers, timeout=TIMEOUT_S)


def test_processes_follow_a_changed_limit(server: Server) -> None:
    environ = {"BERTH_DATA_DIR": str(server.data_dir)}
    headers, url = headers_of(server, tenant="late"), f"{server.url}/v1/providers"

    def shown() -> set[int]:
        answers = [requests.get(url, headers=headers, timeout=TIMEOUT_S) for _ in range(10)]
        return {answer.json()["data"][0]["limits"]["max_file_bytes"] for answer in answers}

    before = shown()
    CliRunner().invoke(main, ["tenants", "limit", "late", "--max-file-bytes", "5"], env=environ)
    wait_until(lambda: shown() == {5}, timeout_s=5)

    assert before == {512 * 1024**2}


def test_uploads_cannot_pass_the_bytes_together(server: Server) -> None:
    headers = headers_of(server, "--max-bytes", str(FIT * SIZE + SIZE // 2))
    container_id = create(server, headers, "ollama").json()["id"]
    url = f"{server.url}/v1/containers/{container_id}/files"

    def upload(number: int) -> requests.Response:
        form = {"file": (f"{number}", bytes(SIZE))}
        return requests.post(url, files=form, headers=headers, timeout=TIMEOUT_S)

    answers = race(upload)
    assert answers == {(200, None): FIT, (413, "storage_limit_reached"): CLIENTS - FIT}
    assert [path.stat().st_size for path in blobs_in(server.data_dir)] == [SIZE] * FIT


@pytest.mark.parametrize("name", ["ollama", "openai"])
def test_creates_cannot_pass_the_containers_together(
    server: Server, provider: Strict, name: str
) -> None:
    headers = headers_of(server, "--max-containers", str(FIT))

    answers = race(lambda _number: create(server, headers, name))
    assert answers == {(200, None): FIT, (403, "container_limit_reached"): CLIENTS - FIT}
    assert len(provider.containers) == (FIT if name == "openai" else 0)
    with catalog_of(server.data_dir) as catalog:
        assert catalog.execute("SELECT count(*) FROM intents").fetchone() == (0,)
