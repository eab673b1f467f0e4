"""What every handler needs: the gateway it is part of, and who calls."""

from typing import cast

from flask import current_app, request

from gateway.answers import Caller
from gateway.authentication import SCOPE, Principal
from gateway.state import Gateway


def gateway() -> Gateway:
    """Return the worker's gateway."""
    return cast(Gateway, current_app.extensions["gateway"])


def caller() -> Caller:
    """Return who calls."""
    principal: Principal = request.environ["asgi.scope"][SCOPE]
    headers, raw = request.headers, gateway().settings.allow_raw
    return Caller(
        tenant=principal.tenant,
        actor=principal.actor,
        providers=principal.providers,
        key=principal.key,
        address=request.remote_addr,
        idempotency_key=headers.get("Idempotency-Key"),
        deployment=headers.get("x-berth-deployment") or headers.get("x-bf-api-key"),
        copy_files=headers.get("x-berth-copy-files") == "true",
        raw_request=raw and headers.get("x-bf-send-back-raw-request") == "true",
        raw_response=raw and headers.get("x-bf-send-back-raw-response") == "true",
    )
