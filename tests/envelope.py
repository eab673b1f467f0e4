"""The one error envelope: what every refusal must look like."""

from collections.abc import Mapping
from typing import Any, Protocol

RETRIABLE = {408, 409, 429, 500, 502, 503, 504}

Json = dict[str, Any]


class Answer(Protocol):
    """What every HTTP client's answer has."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are looked up in any case."""

    @property
    def text(self) -> str:
        """The body as text."""

    def json(self) -> Any:
        """Return the body, read as JSON."""


def refusal(answer: Answer, status: int) -> Json:
    """Return what an error says: `message, type, param, code, provider, request_type`."""
    assert answer.status_code == status, answer.text
    body = answer.json()

    assert set(body) == {"error", "extra_fields"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert set(body["extra_fields"]) == {"provider", "request_type"}
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["message"]
    assert body["error"]["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    assert answer.headers.get("X-Should-Retry") == (None if status in RETRIABLE else "false")
    return {**body["error"], **body["extra_fields"]}
