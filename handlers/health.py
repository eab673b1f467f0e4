"""Whether the process lives, and whether it can serve."""

from gateway import VERSION
from handlers.context import gateway
from providers.base import Json


def check_health() -> Json:
    return {"status": "ok", "version": VERSION}


def check_readiness() -> Json:
    return gateway().check_readiness()
