"""What both native adapters are tested with: Berth itself, hosted, as their upstream."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from blobs.directory import BlobDirectory
from catalog.database import Database
from gateway.config import Deployment, Network, ProviderConfig, complete
from gateway.registry import Registry
from providers.base import Provider
from tests.conftest import Clock
from tests.providers.contract import ProviderContract
from tests.server import Server


class NativeContract(ProviderContract):
    """The promises, over HTTP. The subclass supplies the fixtures `name` and `deployment`."""

    @pytest.fixture
    def registry(
        self, name: str, deployment: Deployment, database: Database, tmp_path: Path, clock: Clock
    ) -> Iterator[Registry]:
        network = Network(connect_timeout_s=5, idle_timeout_s=10, total_timeout_s=20)
        configs = complete({name: ProviderConfig(deployments=(deployment,), network=network)})
        blobs = BlobDirectory(tmp_path / "blobs")
        registry = Registry(configs, database, blobs, threads=4, clock=clock)
        yield registry
        registry.close()

    @pytest.fixture
    def refuses(self, provider: Provider, live: Server) -> frozenset[str]:
        """What is refused here, and what the upstream says that it refuses."""
        table = requests.get(f"{live.url}/v1/providers", timeout=5).json()["data"]
        (upstream,) = [row for row in table if row["provider"] == "openai"]
        return provider.refuses | frozenset(upstream["refuses"])

    def test_it_is_native(self, provider: Provider, deployment: Deployment) -> None:
        assert provider.backend == "native"
        assert provider.deployments == (deployment.name,)
