"""Azure's adapter keeps the contract, below the base path of its endpoint."""

import pytest
from pydantic import SecretStr

from gateway.config import Deployment
from tests.providers.native import NativeContract
from tests.server import Server


class TestAzure(NativeContract):
    """Everything that any provider promises."""

    @pytest.fixture
    def name(self) -> str:
        return "azure"

    @pytest.fixture
    def deployment(self, live: Server) -> Deployment:
        return Deployment(
            name="eastus", api_key=SecretStr("sk-proj-upstream-1234"), endpoint=live.url
        )
