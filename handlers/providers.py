"""The truth table: what serves each provider, and what works there."""

from handlers.context import caller, gateway
from providers.base import Json


def list_providers() -> Json:
    return gateway().list_providers(caller())
