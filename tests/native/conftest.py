"""Applications whose providers are native, and the strict providers behind them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from catalog import leases
from gateway.app import create_app
from gateway.config import ProviderConfig
from gateway.settings import Settings
from gateway.state import open_database
from tests.calls import gateway_of
from tests.conftest import Clock
from tests.native.configs import EU_KEY, KEY, deployment, native
from tests.upstreams.strict import Strict

NativeApp = Callable[[Mapping[str, ProviderConfig]], TestClient]


@pytest.fixture
def strict(clock: Clock) -> Iterator[Strict]:
    """A strict provider in `clock`'s time, to which nothing wrong may have been said."""
    with Strict(KEY, clock=clock) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def eu(clock: Clock) -> Iterator[Strict]:
    """Another account."""
    with Strict(EU_KEY, clock=clock) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def native_app(settings: Settings, clock: Clock) -> Iterator[NativeApp]:
    """Opens applications, one after the other, on one data directory, in `clock`'s time.

    None of them reconciles by itself: tests call `gateway_of(client).reconciler.reconcile()`.
    """
    with ExitStack() as stack:

        def open_app(configs: Mapping[str, ProviderConfig]) -> TestClient:
            stack.close()
            names = [f"reconcile:{p}:{d.name}" for p in configs for d in configs[p].deployments]
            database = open_database(settings)
            database.migrate()
            stack.callback(database.close)
            with database.write() as tx:
                for name in names:
                    leases.acquire(tx, name, "test", until=clock.now + 60, now=clock.now)
            app = create_app(settings, configs, clock=clock)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            for work in gateway_of(client)._periodic:  # noqa: SLF001
                work.stop()
            with database.write() as tx:
                for name in names:
                    leases.release(tx, name, "test")
            return client

        yield open_app


@pytest.fixture
def native_client(native_app: NativeApp, strict: Strict) -> TestClient:
    """A client of an application whose provider `openai` is `strict`."""
    return native_app({"openai": native(deployment(strict.base_url))})


@pytest.fixture
def both(native_app: NativeApp, strict: Strict, eu: Strict) -> TestClient:
    """A client of an application with two deployments: `main` weighs 3, `eu` 1."""
    main = deployment(strict.base_url, weight=3)
    return native_app({"openai": native(main, deployment(eu.base_url, "eu", EU_KEY))})
