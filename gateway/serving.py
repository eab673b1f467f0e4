"""How gunicorn serves the application."""

import logging
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from catalog import keys
from gateway import VERSION
from gateway.config import ProviderConfig
from gateway.logs import log_settings
from gateway.metrics import METRICS_ADDRESS, forget
from gateway.settings import Settings
from gateway.state import metrics_directory, open_database

logger = logging.getLogger("berth")


class Worker(UvicornWorker):  # type: ignore[misc]
    """An ASGI worker with the parts of uvicorn that are written in C: uvloop and httptools."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "gateway.protocol:Protocol",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,  # the gateway logs each request itself, without its query
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it was set to gunicorn's


def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    """Return gunicorn's settings."""
    return {
        "bind": settings.address,
        "wsgi_app": "gateway.app:create_app()",
        "worker_class": "gateway.serving.Worker",
        "workers": settings.workers,
        "graceful_timeout": settings.shutdown_timeout_s,
        "timeout": 60,
        "keepalive": 75,
        "preload_app": True,
        "control_socket_disable": True,
        "logconfig_dict": log_settings(settings.log_level),
    }


class Exposed(Exception):
    """Whoever reaches the address could use every container."""


class PortTaken(Exception):
    """Something else listens on the port for metrics."""


def prepare(settings: Settings) -> None:
    """Bring the catalog up to date, before any worker opens it.

    Raises CatalogError, Exposed and PortTaken.
    """
    database = open_database(settings)
    database.migrate()
    with database.read() as tx:
        open_to_all = not keys.exist(tx)
    database.close()
    forget(metrics_directory(settings))
    if settings.metrics_port is not None:
        _check_free(settings.metrics_port)
    if settings.exposed and open_to_all and not settings.allow_anonymous:
        raise Exposed(
            f"anyone who reaches {settings.host} could use every container, because no key was "
            f"made yet. Make one with `berth keys create --tenant NAME`, listen on 127.0.0.1, or "
            f"accept it with BERTH_ALLOW_ANONYMOUS=true."
        )


def _check_free(port: int) -> None:
    """Raise PortTaken when something else has the port for metrics."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((METRICS_ADDRESS, port))
        except OSError as exc:
            raise PortTaken(f"BERTH_METRICS_PORT: port {port} is taken.") from exc


def announce(settings: Settings, configs: Mapping[str, ProviderConfig], address: str) -> None:
    """Log where the gateway listens, where it keeps data, and how each provider is served."""
    served = {
        backend: [name for name, config in configs.items() if config.serves == backend]
        for backend in ("native", "hosted", "off")
    }
    logger.info(
        "Berth %s listens on %s, keeps its data in %s, and serves %s",
        VERSION,
        address,
        settings.data_dir.resolve(),
        "; ".join(f"{len(n)} providers {b}: {', '.join(n)}" for b, n in served.items() if n),
    )
    if settings.allow_anonymous:
        logger.warning(
            "BERTH_ALLOW_ANONYMOUS is set: until a key is made, whoever reaches this address may "
            "do anything"
        )
