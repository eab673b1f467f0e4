"""What fuzzing found once stays found."""

import pytest
import requests

from tests.server import Server


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/containers/cntr_1{slash}files?provider=ollama"),
        ("DELETE", "/v1/containers/cntr_1{slash}files?provider=ollama"),
        ("DELETE", "/openai/v1/containers/cntr_1{slash}files{slash}cfile_1"),
        ("GET", "/openai/containers/cntr_1{slash}files/cfile_1"),
        ("GET", "/v1{slash}providers"),
    ],
)
def test_an_escaped_slash_in_an_id_leads_nowhere_else(
    live: Server, method: str, path: str, slash: str
) -> None:
    answer = requests.request(method, live.url + path.format(slash=slash), timeout=10)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"
