"""What Prometheus is told: all that processes count, and nothing of whose it is."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.cli import main
from gateway.metrics import BUCKETS_S, COUNTERS, GAUGES, SECONDS
from gateway.settings import Settings
from tests.calls import create, gateway_of, upload
from tests.conftest import Clock
from tests.server import Server
from tests.waiting import wait_until
from tests.world import World

DOCS = Path(__file__).parent.parent / "docs" / "metrics.md"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Return the values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(client: TestClient, name: str, **labels: str) -> float:
    """Return what a metric says; 0 when it says nothing."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return samples(answer.text).get((name, frozenset(labels.items())), 0)


def test_every_answer_is_counted_once(client: TestClient) -> None:
    create(client)
    create(client)
    client.get("/v1/containers/cntr_none?provider=groq")
    client.get("/nowhere")

    for operation, status, provider, count in (
        ("container_create", "200", "ollama", 2),
        ("container_retrieve", "404", "groq", 1),
        ("none", "404", "none", 1),
    ):
        labels = {"operation": operation, "status": status, "provider": provider}
        assert told(client, "berth_requests_total", **labels) == count
    assert told(client, "berth_errors_total", code="unknown_url") == 1


def test_the_time_that_answers_took_is_told(client: TestClient) -> None:
    client.get("/health")
    below = [
        told(client, f"{SECONDS}_bucket", operation="health", le=bound)
        for bound in [*map(str, BUCKETS_S), "+Inf"]
    ]

    assert (below, below[-1]) == (sorted(below), 1)
    assert told(client, f"{SECONDS}_count", operation="health") == 1
    assert 0 < told(client, f"{SECONDS}_sum", operation="health") < 60


def test_bytes_are_counted_both_ways(client: TestClient) -> None:
    container = create(client)
    file = upload(client, container["id"], bytes(300_000))
    path = f"/openai/v1/containers/{container['id']}/files/{file['id']}/content"
    client.get(path)
    client.get(path, headers={"Range": "bytes=0-9"})

    uploaded, downloaded = "container_file_create", "container_file_content"
    received = told(client, "berth_body_bytes_total", operation=uploaded, direction="in")
    sent = told(client, "berth_body_bytes_total", operation=downloaded, direction="out")
    assert 300_000 < received < 301_000
    assert sent == 300_010


def test_what_there_is_is_told(client: TestClient, clock: Clock) -> None:
    container = create(client)
    upload(client, container["id"], b"12345")
    before = told(client, "berth_containers", provider="ollama", backend="hosted")
    stored = told(client, "berth_stored_bytes", provider="ollama")
    clock.advance(20 * 60)
    gateway_of(client).sweeper.sweep()

    assert (before, stored) == (1, 5)
    assert told(client, "berth_containers", provider="ollama", backend="hosted") == 0
    assert told(client, "berth_stored_bytes", provider="ollama") == 0
    assert told(client, "berth_swept_total", what="containers") == 1


def test_the_documentation_has_every_metric_and_its_labels() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    counters = {f"{name}_total": labels for name, (_, labels) in COUNTERS.items()}
    gauges = {name: labels for name, (_, labels) in GAUGES.items()}

    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == (
        counters | gauges | {SECONDS: ("operation",)}
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = Clock()
    settings = Settings(data_dir=tmp_path_factory.mktemp("metrics"), validate_responses=True)
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield World(client, clock)


def test_no_metric_tells_whose_it_is(world: World) -> None:
    for secret in (world.member, world.reader, "bk_nonsense"):
        world.ask("get", "/v1/containers?provider=ollama&name=secret", secret)
    text = world.ask("get", "/metrics", world.admin).text

    kept = [world.member, world.admin, *world.ids.values(), "mine", "theirs", "platform", "secret"]
    assert 'status="401"' in text
    assert [word for word in kept if word in text] == []


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 403)])
def test_before_the_first_key_metrics_are_open_on_loopback_only(
    tmp_path: Path, host: str, status: int
) -> None:
    settings = Settings(data_dir=tmp_path, host=host, allow_anonymous=True)
    with TestClient(create_app(settings)) as client:
        assert client.get("/metrics").status_code == status


def test_one_process_answers_for_all(tmp_path: Path) -> None:
    port = free_port()
    environ = {"WEB_CONCURRENCY": "2", "BERTH_METRICS_PORT": str(port)}
    with Server(tmp_path / "data", **environ) as server:
        for worker in server.workers():
            with server.only(worker):
                requests.get(f"{server.url}/v1/providers", timeout=10)

        wait_until(lambda: counted(f"http://127.0.0.1:{port}/metrics") == 2)
        assert counted(f"{server.url}/metrics") == 2
        make_a_key(server)
        wait_until(lambda: requests.get(f"{server.url}/metrics", timeout=10).status_code == 401)
        assert counted(f"http://127.0.0.1:{port}/metrics") == 2


def test_a_port_that_is_taken_is_said_at_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = Server(tmp_path / "data", BERTH_METRICS_PORT=port)
        with pytest.raises(RuntimeError, match=f"BERTH_METRICS_PORT: port {port} is taken"):
            server.start()


def counted(url: str) -> float:
    """Return how often providers were asked for, as all processes counted it."""
    labels = {"operation": "provider_list", "status": "200", "provider": "none"}
    metrics = samples(requests.get(url, timeout=10).text)
    return metrics.get(("berth_requests_total", frozenset(labels.items())), 0)


def make_a_key(server: Server) -> None:
    environ = {"BERTH_DATA_DIR": str(server.data_dir)}
    made = CliRunner().invoke(main, ["keys", "create", "--tenant", "a"], env=environ)
    assert made.exit_code == 0, made.output


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
