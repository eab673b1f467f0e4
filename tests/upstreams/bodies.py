"""Bodies of errors, as OpenAI and Azure send them; where each is from is said in the JSON file."""

import json
from pathlib import Path
from typing import Any, Literal

Dialect = Literal["openai", "azure"]

_BODIES: dict[str, Any] = json.loads((Path(__file__).parent / "error_bodies.json").read_text())

# What nobody who asks a gateway should read: parts of the bodies of 401, 403 and 429.
ACCOUNT_TEXTS = ("org-Xk29vAcmeRobotics7Qp", "proj_4TzAcmeInternal88Lw", "9sQA", "S0 pricing tier")

OTHERS: dict[str, tuple[int, bytes]] = {
    name: (other["status"], json.dumps(other["body"]).encode())
    for name, other in _BODIES["others"].items()
}
"""More bodies, among them malformed ones, each with its status; for `behaviours.answer`."""


def error_body(status: int, dialect: Dialect = "openai") -> bytes:
    """Return the JSON of an error."""
    body = _BODIES[dialect].get(str(status))
    return json.dumps(body or _unknown(status, dialect)).encode()


def html_body(status: int, phrase: str, dialect: Dialect = "openai") -> bytes:
    """Return the page that stands for an error."""
    page: str = _BODIES["html"][dialect]
    return page.format(status, phrase).encode()


def _unknown(status: int, dialect: Dialect) -> dict[str, Any]:
    message = f"The request failed with {status}."
    if dialect == "azure":
        return {"error": {"code": str(status), "message": message}}
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
