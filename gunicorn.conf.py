"""How gunicorn runs Berth: all of it follows from the settings."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from gunicorn.arbiter import Arbiter

from catalog.database import CatalogError
from gateway.serving import Exposed, PortTaken, announce, gunicorn_settings, prepare
from gateway.settings import SettingsError, load

try:
    _settings, _configs = load()
except SettingsError as exc:
    raise SystemExit(str(exc)) from None

globals().update(gunicorn_settings(_settings))


def on_starting(server: Arbiter) -> None:
    """Bring the catalog up to date once, before any worker opens it.

    A process of its own does it: what it imports and opens stays out of the workers.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
            apart.submit(prepare, _settings).result()
    except (CatalogError, Exposed, PortTaken) as exc:
        raise SystemExit(f"Berth cannot start: {exc}") from None


def when_ready(server: Arbiter) -> None:
    """Say where the gateway listens and what it serves."""
    announce(_settings, _configs, ", ".join(str(listener) for listener in server.LISTENERS))
