"""What these tests share: a server whose two native providers misbehave as they are told."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog import leases
from catalog.database import Database
from tests.native.broken.gate import KEY, THREADS, Gate
from tests.server import Server
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict
from tests.waiting import wait_until

NETWORK = {
    "connect_timeout_s": 0.5,
    "idle_timeout_s": 0.4,
    "total_timeout_s": 1,
    "max_retries": 0,
}


@dataclass
class Site:
    """A server and its gates."""

    server: Server
    openai: Gate
    azure: Gate


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that does not reconcile: only what a test asks for comes to the providers."""
    place = tmp_path_factory.mktemp("broken")
    _keep_from_reconciling(place / "data" / "catalog.db")
    with ExitStack() as stack:
        openai, azure = (stack.enter_context(Strict(KEY, mode=m)) for m in ("openai", "azure"))
        brokens = [stack.enter_context(Broken(strict)) for strict in (openai, azure)]
        config = place / "berth.yaml"
        config.write_text(json.dumps({"providers": _providers(*brokens)}))
        environ = {"BERTH_CONFIG": str(config), "BERTH_THREADS": str(THREADS)}
        environ["BERTH_IDLE_TIMEOUT_S"] = "1"
        server = stack.enter_context(Server(place / "data", **environ))
        yield Site(
            server,
            Gate(server.url, "openai", openai, brokens[0]),
            Gate(server.url, "azure", azure, brokens[1]),
        )


@pytest.fixture
def openai(site: Site) -> Iterator[Gate]:
    """A container at OpenAI; at the end no connection is left but those that are pooled."""
    yield from _gate(site.openai)


@pytest.fixture
def azure(site: Site) -> Iterator[Gate]:
    """A container at Azure; at the end no connection is left but those that are pooled."""
    yield from _gate(site.azure)


def _gate(gate: Gate) -> Iterator[Gate]:
    gate.prepare()
    yield gate
    wait_until(lambda: gate.broken.open_connections <= THREADS, timeout_s=5)
    assert gate.strict.violations == []


def _keep_from_reconciling(path: Path) -> None:
    """Hold the leases that reconciling needs."""
    database = Database(path)
    database.migrate()
    now = time.time()
    with database.write() as tx:
        for name in ("reconcile:openai:main", "reconcile:azure:main"):
            leases.acquire(tx, name, "tests", until=now + 3600, now=now)
    database.close()


def _providers(openai: Broken, azure: Broken) -> dict[str, object]:
    main = {"name": "main", "api_key": KEY}
    return {
        "openai": {"deployments": [{**main, "base_url": openai.base_url}], "network": NETWORK},
        "azure": {"deployments": [{**main, "endpoint": azure.origin}], "network": NETWORK},
    }
