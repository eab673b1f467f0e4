"""Clients as an application has them, and the requests that they send."""

import uuid
from collections.abc import Iterator

import httpx2
import pytest
from openai import DefaultHttpxClient, OpenAI
from openai.types import ContainerCreateResponse
from starlette.testclient import TestClient

from tests.server import Server

Sent = list[httpx2.Request]


@pytest.fixture
def sent() -> Sent:
    """The requests that `sdk` sent, its retries included."""
    return []


@pytest.fixture
def sdk(live: Server, sent: Sent) -> Iterator[OpenAI]:
    """An OpenAI client as an application has it."""
    http_client = DefaultHttpxClient(event_hooks={"request": [sent.append]})
    url = f"{live.url}/openai/v1"
    with OpenAI(base_url=url, api_key="sk-anything", http_client=http_client) as client:
        yield client


@pytest.fixture
def box(sdk: OpenAI, sent: Sent) -> ContainerCreateResponse:
    """A fresh container."""
    made = sdk.containers.create(name=uuid.uuid4().hex)
    sent.clear()
    return made


@pytest.fixture
def clocked_sdk(client: TestClient) -> OpenAI:
    """An OpenAI client of an application in this process, whose time is `clock`."""
    return OpenAI(base_url="http://testserver/openai/v1", api_key="sk-any", http_client=client)
