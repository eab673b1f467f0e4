"""What every handler needs: the gateway it is part of, and who calls."""

from typing import cast

from flask import current_app, request
from starlette.types import Scope

from gateway.answers import Caller
from gateway.authentication import SCOPE, Principal
from gateway.state import Gateway


def gateway() -> Gateway:
    """Return the worker's gateway."""
    return cast(Gateway, current_app.extensions["gateway"])


def caller() -> Caller:
    """Return who calls."""
    scope: Scope = request.environ["asgi.scope"]
    principal: Principal = scope[SCOPE]
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    raw = gateway().settings.allow_raw
    return Caller(
        tenant=principal.tenant,
        actor=principal.actor,
        providers=principal.providers,
        key=principal.key,
        address=request.remote_addr,
        idempotency_key=headers.get(b"idempotency-key"),
        deployment=headers.get(b"x-berth-deployment") or headers.get(b"x-bf-api-key"),
        copy_files=headers.get(b"x-berth-copy-files") == "true",
        raw_request=raw and headers.get(b"x-bf-send-back-raw-request") == "true",
        raw_response=raw and headers.get(b"x-bf-send-back-raw-response") == "true",
    )
