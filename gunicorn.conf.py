"""How gunicorn runs Berth: all of it follows from the settings."""

from gunicorn.arbiter import Arbiter

from catalog.database import CatalogError
from gateway.serving import Exposed, announce, gunicorn_settings, prepare
from gateway.settings import SettingsError, load

try:
    _settings, _configs = load()
except SettingsError as exc:
    raise SystemExit(str(exc)) from None

globals().update(gunicorn_settings(_settings))


def on_starting(server: Arbiter) -> None:
    """Bring the catalog up to date once, before any worker opens it."""
    try:
        prepare(_settings)
    except (CatalogError, Exposed) as exc:
        raise SystemExit(f"Berth cannot start: {exc}") from None


def when_ready(server: Arbiter) -> None:
    """Say where the gateway listens and what it serves."""
    announce(_settings, _configs, ", ".join(str(listener) for listener in server.LISTENERS))
