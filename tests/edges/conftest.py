"""What the edges share: a container on the live server, whose log must stay quiet."""

from collections.abc import Iterator

import pytest
import requests

from tests.server import Server


@pytest.fixture(autouse=True)
def _quiet(live: Server) -> Iterator[None]:
    """Fail a test that makes the server log a traceback."""
    began = live.log.stat().st_size
    yield
    with live.log.open("rb") as log:
        log.seek(began)
        assert b"Traceback" not in log.read()


@pytest.fixture
def container(live: Server) -> str:
    """The path of a fresh container of provider `ollama`."""
    answer = requests.post(
        f"{live.url}/v1/containers", json={"provider": "ollama", "name": "edge"}, timeout=20
    )
    return f"/v1/containers/{answer.json()['id']}"


@pytest.fixture
def files(container: str) -> str:
    """The path of the fresh container's files."""
    return f"{container}/files"
