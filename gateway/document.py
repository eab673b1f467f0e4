"""The OpenAPI document: read once, with this deployment's limits written into it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson
import yaml
from connexion.spec import OpenAPISpecification
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.settings import Settings

PATH = Path(__file__).parent.parent / "openapi.yaml"
METHODS = {"delete": ["DELETE"], "get": ["GET", "HEAD"], "post": ["POST"]}
"""The methods the document has, each with those that it makes a path take."""

Json = dict[str, Any]


class Document:
    """What the gateway asks of the document besides what connexion does with it."""

    def __init__(self, settings: Settings) -> None:
        self.spec: Json = orjson.loads(_as_json())
        expiry = self.spec["components"]["schemas"]["ExpiresAfter"]
        expiry["properties"]["minutes"]["maximum"] = settings.max_expires_minutes
        operations = [
            path_item[method]
            for path_item in self.spec["paths"].values()
            for method in METHODS
            if method in path_item
        ]
        self._request_types = {o["operationId"]: o["x-request-type"] for o in operations}
        self._methods = [
            (_pattern(path), [name for m in METHODS if m in path_item for name in METHODS[m]])
            for path, path_item in self.spec["paths"].items()
        ]

    def request_type(self, operation_id: str | None) -> str | None:
        """Return the operation's `request_type`."""
        return self._request_types.get(operation_id or "")

    def methods(self, path: str) -> list[str]:
        """Return the methods a path takes; none when the document does not have it."""
        return next((methods for pattern, methods in self._methods if pattern.match(path)), [])


class ServedDocument:
    """Answers `/openapi.json` and `/openapi.yaml` with the document as it is written.

    connexion would answer with every reference written out, which takes it a second each time.
    """

    def __init__(self, app: ASGIApp, *, document: Document) -> None:
        self._app = app
        self._spec = document.spec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the document; pass on any other."""
        app = self._app
        asked = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if asked and scope["path"].startswith("/openapi.") and scope["path"] in self._files:
            media_type, content = self._files[scope["path"]]
            app = Response(content, media_type=media_type)
        await app(scope, receive, send)

    @cached_property
    def _files(self) -> dict[str, tuple[str, bytes]]:
        """Each path's media type and content, written out when somebody asks first."""
        readable = yaml.dump(
            self._spec, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False
        )
        return {
            "/openapi.json": ("application/json", orjson.dumps(self._spec)),
            "/openapi.yaml": ("application/yaml", readable.encode()),
        }


@contextmanager
def unchecked() -> Iterator[None]:
    """Let connexion take the document as it is within the block.

    Its check takes 0.15 s at each start and can find nothing: `make spec` has made it.
    """
    check = OpenAPISpecification._validate_spec  # noqa: SLF001 - there is no option
    OpenAPISpecification._validate_spec = staticmethod(lambda _spec: None)  # noqa: SLF001
    try:
        yield
    finally:
        OpenAPISpecification._validate_spec = check  # noqa: SLF001


@cache
def _as_json() -> bytes:
    """Return the document as JSON: YAML takes a hundred times as long to read."""
    return orjson.dumps(yaml.load(PATH.read_bytes(), Loader=yaml.CSafeLoader))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z")
