"""OpenAI's adapter keeps the contract."""

import pytest
from pydantic import SecretStr

from gateway.config import Deployment
from tests.providers.native import NativeContract
from tests.server import Server


class TestOpenAI(NativeContract):
    """Everything that any provider promises."""

    @pytest.fixture
    def name(self) -> str:
        return "openai"

    @pytest.fixture
    def deployment(self, live: Server) -> Deployment:
        return Deployment(
            name="main",
            api_key=SecretStr("sk-proj-upstream-1234"),
            base_url=f"{live.url}/openai/v1",
        )
