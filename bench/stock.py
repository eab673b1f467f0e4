"""The document served by connexion alone: no change of ours, and handlers that do nothing."""

from typing import Any

import yaml
from connexion import FlaskApp
from connexion.resolver import Resolver

from bench.servers import ROOT

CONTAINER = {
    "id": "cntr_0",
    "object": "container",
    "provider": "ollama",
    "backend": "hosted",
    "created_at": 0,
    "last_active_at": 0,
    "status": "running",
    "expires_after": {"anchor": "last_active_at", "minutes": 20},
    "memory_limit": "1g",
    "name": "bench",
    "metadata": {},
}


def answer(**arguments: Any) -> dict[str, Any]:
    """Return a container whatever is asked."""
    return CONTAINER


def create_app() -> FlaskApp:
    """Return the application as connexion's documentation builds it, without security."""
    app = FlaskApp("stock")
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    app.add_api({**document, "security": []}, resolver=Resolver(lambda _name: answer))
    return app
