"""What connexion and Flask would do anew for each request, done once at start.

connexion builds validators, parsers and decorators for each request that it serves. These classes
take the places of its own; the document still says what is valid, and which handler is called.
"""

import inspect
from collections.abc import Callable
from typing import Any

import orjson
from connexion.apps.flask import FlaskOperation
from connexion.frameworks.flask import flaskify_endpoint
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.request_validation import (
    RequestValidationAPI,
    RequestValidationMiddleware,
    RequestValidationOperation,
)
from connexion.middleware.routing import RoutingMiddleware
from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.operations import AbstractOperation
from flask import Flask, Request, Response, request
from starlette.types import ASGIApp, Receive, Scope, Send
from werkzeug.routing import MapAdapter, Rule

from gateway.validation import ARGUMENTS


class Handler:
    """Calls a handler with what validation found in the request, and writes its answer as JSON."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._names = inspect.signature(function).parameters.keys()
        self.__name__ = function.__name__

    def __call__(self, **path: str) -> Response:
        """Answer the request that Flask routed here."""
        extensions = request.environ["asgi.scope"]["extensions"]
        known = extensions.get("connexion_context", {}) | extensions.get(ARGUMENTS, {})
        answer = self._function(**path, **{n: known[n] for n in known.keys() & self._names})
        if isinstance(answer, Response):
            return answer
        body, headers = answer if isinstance(answer, tuple) else (answer, None)
        return Response(orjson.dumps(body), headers=headers, mimetype="application/json")


def prepare_handlers(flask: Flask) -> None:
    """Replace each view that connexion made by one that needs no decorators, found at once."""
    for endpoint, view in flask.view_functions.items():
        if isinstance(view, FlaskOperation):
            flask.view_functions[endpoint] = Handler(inspect.unwrap(view))
    rules = {rule.endpoint.rpartition(".")[2]: rule for rule in flask.url_map.iter_rules()}
    by_path = flask.create_url_adapter

    def create_url_adapter(request: Request | None) -> "MapAdapter | Routed | None":
        scope = {"extensions": {}} if request is None else request.environ["asgi.scope"]
        routing = scope["extensions"].get(ROUTING_CONTEXT, {})
        if routing.get("operation_id") is None:
            return by_path(request)
        return Routed(rules[flaskify_endpoint(routing["operation_id"])], scope["path_params"])

    flask.create_url_adapter = create_url_adapter  # type: ignore[method-assign,assignment]


class Routed:
    """What Flask asks for the view of a request, when connexion has found it already."""

    def __init__(self, rule: Rule, arguments: dict[str, str]) -> None:
        self._found = rule, arguments

    def match(self, *, return_rule: bool) -> tuple[Rule, dict[str, str]]:
        """Return the view's rule, and the parts of the path that are its arguments."""
        assert return_rule  # noqa: S101 - Flask asks for it
        return self._found


class PreparedRouting(RoutingMiddleware):  # type: ignore[misc]
    """connexion's routing, which tries the routes that a path can have and not one by one all."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._routes: dict[tuple[str, int], list[tuple[list[str], str]]] = {}

    def add_api(self, *args: Any, **kwargs: Any) -> None:
        """Take the document's operations."""
        super().add_api(*args, **kwargs)
        for route in self.router.routes[-1].routes:
            parts = route.path.split("/")
            for method in route.methods:
                routes = self._routes.setdefault((method, len(parts)), [])
                routes.append((parts, route.app.operation_id))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say in the scope, as connexion does, which operation a request is for."""
        found = self._find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await super().__call__(scope, receive, send)
            return
        operation_id, parameters = found
        routing = {"api_base_path": "", "operation_id": operation_id}
        scope["extensions"][ROUTING_CONTEXT] = routing
        await self.app({**scope, "path_params": parameters}, receive, send)

    def _find(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return a request's operation, and the parameters in its path."""
        parts = path.split("/")
        for template, operation_id in self._routes.get((method, len(parts)), ()):
            parameters = {}
            for wanted, part in zip(template, parts, strict=True):
                if wanted.startswith("{") and part:
                    parameters[wanted[1:-1]] = part
                elif wanted != part:
                    break
            else:
                return operation_id, parameters
        return None


class PreparedOperation(RequestValidationOperation):  # type: ignore[misc]
    """Validates the requests of one operation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parameters = self._validator_map["parameter"](self._operation.parameters)
        self._bodies = {
            media_type: self._validator_map["body"][media_type](
                schema=self._operation.body_schema(media_type),
                required=self._operation.request_body.get("required", False),
                encoding="utf-8",
                strict_validation=self.strict_validation,
            )
            for media_type in self._operation.consumes
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Validate a request and pass it on."""
        self._parameters.validate(scope)
        if self._bodies:
            media_type, _ = self.extract_content_type(scope["headers"])
            self.validate_mime_type(media_type)
            receive, scope = await self._bodies[media_type].wrap_receive(receive, scope=scope)
        await self.next_app(scope, receive, send)


class _PreparedAPI(RequestValidationAPI):  # type: ignore[misc]
    def make_operation(self, operation: AbstractOperation) -> PreparedOperation:
        return PreparedOperation(
            self.next_app,
            operation=operation,
            strict_validation=self.strict_validation,
            validator_map=self.validator_map,
        )


class PreparedValidation(RequestValidationMiddleware):  # type: ignore[misc]
    """connexion's request validation with operations of ours."""

    api_cls = _PreparedAPI


_PAGES = ("/ui", "/openapi.")


class Page(SwaggerUIMiddleware):  # type: ignore[misc]
    """Swagger UI, which only requests for it have to pass."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for what it serves; pass on the rest."""
        app = super().__call__ if scope.get("path", "").startswith(_PAGES) else self.app
        await app(scope, receive, send)
