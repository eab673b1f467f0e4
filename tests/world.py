"""Who may call, and all they may call: two tenants, and every operation of the document."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.keys import KeyRing
from tests.calls import Json, gateway_of
from tests.conftest import Clock

DOCUMENT: Json = yaml.load(
    Path("openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
OPERATIONS = [
    pytest.param(path, method, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters" and operation.get("security") != []
]


def operation_of(param: Any) -> Json:
    """Return what the document says of an operation of `OPERATIONS`."""
    path, method = param.values
    operation: Json = DOCUMENT["paths"][path][method]
    return operation


FOR_ADMINS = [p for p in OPERATIONS if operation_of(p)["tags"] == ["Administration"]]
FOR_TENANTS = [p for p in OPERATIONS if p not in FOR_ADMINS]
ON_A_FILE = [p for p in OPERATIONS if "v1/files/{file_id}" in str(p.values[0])]
ON_A_CONTAINER = [p for p in OPERATIONS if "{container_id}" in str(p.values[0])]
CHANGES = [p for p in OPERATIONS if p.values[1] != "get"]
OF_A_PROVIDER = [p for p in FOR_TENANTS if p.values[0] != "/v1/providers"]


class World:
    """An application with two tenants; `mine` has a container with a file, and another file."""

    def __init__(self, client: TestClient, clock: Clock) -> None:
        self.client = client
        self.clock = clock
        self.ring: KeyRing = gateway_of(client).keys
        self.member = self.key("mine")
        self.other = self.key("theirs")
        self.reader = self.key("mine", "reader")
        self.admin = self.key("platform", "admin")
        self.elsewhere = self.key("mine", providers=["groq"])
        spare, _ = self.ring.create("mine")
        self.ids = {"key_id": spare.id}
        for name, path in (
            ("container_id", "/v1/containers"),
            ("file_id", "/v1/containers/{container_id}/files"),
            ("stored_id", "/v1/files"),
        ):
            self.ids[name] = self.call(path, "post", self.member).json()["id"]

    def key(self, tenant: str, role: str = "member", providers: list[str] | None = None) -> str:
        """Make a key and return it."""
        return self.ring.create(tenant, role, providers)[1]

    def ask(self, method: str, path: str, key: str | None, **request: Any) -> Response:
        """Send a request with a key."""
        headers = {"X-Request-Id": "same", **request.pop("headers", {})}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        answer: Response = self.client.request(method, path, headers=headers, **request)
        return answer

    def call(
        self,
        path: str,
        method: str,
        key: str | None,
        ids: dict[str, str] | None = None,
        **request: Any,
    ) -> Response:
        """Call an operation as the document has it, about what `mine` has or the ids given."""
        known = self.ids | (ids or {})
        if "{container_id}" not in path:
            known["file_id"] = known.get("stored_id", "")
        request |= _body(DOCUMENT["paths"][path][method])
        if "provider" in _query(path, method):
            request["params"] = {"provider": "ollama"}
        return self.ask(method, path.format(**known), key, **request)


def _query(path: str, method: str) -> set[str]:
    """Return the names of an operation's query parameters."""
    item = DOCUMENT["paths"][path]
    parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
    found = [_resolved(parameter) for parameter in parameters]
    return {parameter["name"] for parameter in found if parameter["in"] == "query"}


def _body(operation: Json) -> Json:
    """Return a good body for an operation: a form, or an example of the document."""
    if "requestBody" not in operation:
        return {}
    content = _resolved(operation["requestBody"])["content"]
    if "multipart/form-data" in content:
        is_upload = operation["x-request-type"] == "file_create"
        fields = {"purpose": "user_data", "provider": "ollama"} if is_upload else {}
        return {"files": {"file": ("b", b"more")}, "data": fields}
    example = _resolved(next(iter(content["application/json"]["examples"].values())))["value"]
    if operation["x-request-type"] == "container_create":
        example = {**example, "provider": "ollama"}
    return {"json": example}


def _resolved(node: Json) -> Json:
    while "$ref" in node:
        _, *keys = node["$ref"].split("/")
        node = DOCUMENT
        for key in keys:
            node = node[key]
    return node


def told(answer: Response) -> tuple[int, str, dict[str, str]]:
    """Return all that an answer tells, but for the latency and the id that was asked for."""
    body = re.sub(r"(cntr_|cfile_|file-|key_)(none|[0-9a-f]{24,48})", r"\1", answer.text)
    headers = {k: v for k, v in answer.headers.items() if k not in {"date", "content-length"}}
    return answer.status_code, body, headers
