"""What every handler needs: the gateway it is part of, and who calls."""

from typing import cast

from flask import current_app, request

from gateway.answers import Caller
from gateway.state import Gateway


def gateway() -> Gateway:
    """Return the worker's gateway."""
    return cast(Gateway, current_app.extensions["gateway"])


def caller() -> Caller:
    """Return who calls: everyone is tenant `default` as long as there are no keys."""
    headers, raw = request.headers, gateway().settings.allow_raw
    return Caller(
        tenant="default",
        address=request.remote_addr,
        idempotency_key=headers.get("Idempotency-Key"),
        deployment=headers.get("x-berth-deployment") or headers.get("x-bf-api-key"),
        raw_request=raw and headers.get("x-bf-send-back-raw-request") == "true",
        raw_response=raw and headers.get("x-bf-send-back-raw-response") == "true",
    )
