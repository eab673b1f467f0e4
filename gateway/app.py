"""The composition root: builds the application from its settings."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from connexion import FlaskApp
from connexion.exceptions import ProblemException
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.request_validation import RequestValidationMiddleware
from connexion.middleware.response_validation import ResponseValidationMiddleware
from connexion.middleware.routing import RoutingMiddleware
from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from catalog.waiting import RunInFiber, in_fiber
from gateway.authentication import Authentication
from gateway.bridge import WSGIBridge
from gateway.config import ProviderConfig, complete
from gateway.document import Document, ServedDocument, unchecked
from gateway.edge import Edge, StrictPaths
from gateway.errors import error_handler
from gateway.prepared import Page, PreparedRouting, PreparedValidation, prepare_handlers
from gateway.rate_limiting import RateLimiting
from gateway.requests import StreamingRequest
from gateway.security import cors
from gateway.settings import Settings, load
from gateway.state import Gateway
from gateway.threads import Threads
from gateway.validation import validators
from providers.errors import BerthError


def create_app(
    settings: Settings | None = None,
    configs: Mapping[str, ProviderConfig] | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> FlaskApp:
    """Return the ASGI application. Its gateway opens and closes with the ASGI lifespan."""
    if settings is None:
        settings, configs = load()
    document = Document(settings)
    run_in_fiber = partial(in_fiber, Threads(settings.threads, "wait").run)

    @asynccontextmanager
    async def lifespan(_app: ConnexionMiddleware) -> AsyncIterator[dict[str, Any]]:
        gateway = Gateway(settings, complete(configs or {}), clock=clock)
        app.app.extensions["gateway"] = gateway
        prepare_handlers(app.app)
        gateway.start()
        gc.freeze()  # what is there now stays: to look through it again would take 75 ms each time
        try:
            yield {
                "keys": gateway.keys,
                "rates": gateway.rates,
                "metrics": gateway.metrics,
                "run_in_fiber": run_in_fiber,
                "exposed": settings.exposed,
                "head_timeout_s": settings.head_timeout_s,
                "idle_timeout_s": settings.idle_timeout_s,
            }
        finally:
            gc.unfreeze()
            await asyncio.to_thread(gateway.stop)  # what it waits for may need the loop

    app = FlaskApp(
        "gateway",
        lifespan=lifespan,
        middlewares=_middlewares(settings, document),
        strict_validation=True,
        validate_responses=settings.validate_responses,
        validator_map=validators(settings.max_json_bytes),
        swagger_ui_options=SwaggerUIOptions(swagger_ui_config={"validatorUrl": None}),
    )
    with unchecked():
        app.add_api({**document.spec, "security": []})  # authentication is a middleware of ours
    for kind in (BerthError, ProblemException, HTTPException, Exception):
        app.add_error_handler(kind, error_handler(document))
    _stream(app, settings, run_in_fiber)
    return app


def _middlewares(settings: Settings, document: Document) -> list[Any]:
    """Return connexion's middlewares between ours."""
    edge = partial(Edge, document=document, idle_timeout_s=settings.idle_timeout_s)
    middlewares: list[Any] = [edge]
    if settings.cors_origins:
        middlewares.append(partial(CORSMiddleware, **cors(settings.cors_origins)))
    ours = {
        SwaggerUIMiddleware: Page,
        RoutingMiddleware: PreparedRouting,
        RequestValidationMiddleware: PreparedValidation,
    }
    for middleware in ConnexionMiddleware.default_middlewares:
        if middleware is SwaggerUIMiddleware:
            middlewares += [StrictPaths, partial(ServedDocument, document=document)]
        if middleware is not ResponseValidationMiddleware or settings.validate_responses:
            middlewares.append(ours.get(middleware, middleware))
        if middleware is SwaggerUIMiddleware:
            middlewares.append(Authentication)
        if middleware is RoutingMiddleware:
            middlewares.append(RateLimiting)
    return middlewares


def _stream(app: FlaskApp, settings: Settings, run_in_fiber: RunInFiber) -> None:
    """Put our bridge and request class where connexion put its own: it has no option for either."""
    app.app.url_map.merge_slashes = False
    app.app.request_class = StreamingRequest
    app._middleware_app.asgi_app = WSGIBridge(  # noqa: SLF001
        app.app.wsgi_app,
        run_in_fiber=run_in_fiber,
        threads=settings.threads,
        idle_timeout_s=settings.idle_timeout_s,
    )
