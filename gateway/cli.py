"""The `berth` command."""

import logging.config
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from catalog.database import CatalogError
from gateway import VERSION
from gateway.answers import event_body
from gateway.config import ProviderConfig
from gateway.key_service import KeyService
from gateway.keys_cli import keys_group
from gateway.logs import log_settings
from gateway.settings import Settings, SettingsError, load
from gateway.state import Gateway
from gateway.tenants import Tenants
from gateway.tenants_cli import tenants_group

GUNICORN_CONFIG = Path(__file__).parent.parent / "gunicorn.conf.py"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="berth")
def main() -> None:
    """Berth: one Containers API for every AI provider. Settings come from the environment."""


@main.command()
def serve() -> None:
    """Serve the API with gunicorn until it is told to stop."""
    _load()
    sys.argv[1:] = ["--config", str(GUNICORN_CONFIG)]
    runpy.run_module("gunicorn", run_name="__main__", alter_sys=True)


@main.command()
def providers() -> None:
    """Show what serves each provider, and its deployments."""
    _, configs = _load()
    for name, config in configs.items():
        deployments = ", ".join(deployment.name for deployment in config.deployments)
        click.echo(f"{name:<12} {config.serves:<7} {deployments}".rstrip())


@main.command()
def sweep() -> None:
    """Remove what is over now, unless a serving process is at it."""
    with _gateway() as gateway:
        done = gateway.sweeper.sweep()
        gateway.sweeper.stop()
    click.echo("Swept." if done else "A serving process is sweeping; nothing to do.")


@main.command()
def reconcile() -> None:
    """Compare deployments with the catalog, and mend it.

    Exits with 1 when a deployment cannot be asked.
    """
    with _gateway() as gateway:
        found = gateway.reconciler.reconcile()
    for findings in found:
        click.echo(f"{findings.provider}/{findings.deployment}: {findings.summary}")
        for container_id in findings.unowned:
            click.echo(f"  nobody owns {container_id}")
    if not found:
        click.echo("There is no deployment to reconcile, or a serving process is at it.")
    if any(findings.error for findings in found):
        raise SystemExit(1)


@main.command()
def doctor() -> None:
    """Check each deployment's URL, key and clock. Exits with 1 when one does not work."""
    with _gateway() as gateway:
        checks = [
            (f"{name}/{deployment}", provider.check(deployment))
            for name, provider in gateway.registry.native.items()
            for deployment in provider.deployments
        ]
    for deployment, problem in checks:
        click.echo(f"{deployment}: {problem or 'works'}")
    if not checks:
        click.echo("No deployment is configured; all providers are hosted or off.")
    if any(problem for _, problem in checks):
        raise SystemExit(1)


@main.group()
def audit() -> None:
    """What was done to containers and keys."""


@audit.command()
@click.option("--tenant", help="Only what this tenant did.")
@click.option("--since", type=click.DateTime(), help="Only what was done since then (UTC).")
def export(tenant: str | None, since: datetime | None) -> None:
    """Write all events as JSON lines, oldest first."""
    start = since.replace(tzinfo=UTC).timestamp() if since else 0
    with _gateway() as gateway:
        for event in gateway.audit.export(tenant=tenant, since=start):
            click.echo(orjson.dumps(event_body(event)))


@contextmanager
def _keys() -> Iterator[KeyService]:
    with _gateway() as gateway:
        yield gateway.key_service


@contextmanager
def _tenants() -> Iterator[Tenants]:
    with _gateway() as gateway:
        yield gateway.tenants


main.add_command(keys_group(_keys))
main.add_command(tenants_group(_tenants))


@contextmanager
def _gateway() -> Iterator[Gateway]:
    settings, configs = _load()
    logging.config.dictConfig(log_settings(settings.log_level))
    try:
        gateway = Gateway(settings, configs)
    except CatalogError as exc:
        raise click.ClickException(str(exc)) from None
    try:
        yield gateway
    finally:
        gateway.registry.close()
        gateway.close()


def _load() -> tuple[Settings, dict[str, ProviderConfig]]:
    try:
        return load()
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from None


if __name__ == "__main__":
    main()
