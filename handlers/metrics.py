"""What the gateway counts, as Prometheus reads it."""

from flask import Response

from gateway.metrics import CONTENT_TYPE
from handlers.context import gateway


def show_metrics() -> Response:
    return Response(gateway().metrics_text(), content_type=CONTENT_TYPE)
