"""`python -m bench`: measures, or shows again what was measured."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import SubprocessError

import click

from bench import machine, page
from bench.figures import Figures, Json, save
from bench.parts import big, generator, growth, hosted, peers, profile, proxied, starting
from bench.run import Options, Run, say
from bench.servers import ROOT, BenchError

ENVIRONMENTS = ROOT / ".bench"
"""What is installed to measure with, and what a run writes meanwhile."""

PARTS: dict[str, Callable[[Run], None]] = {
    "start": starting.starting,
    "generator": generator.generator,
    "hosted": hosted.hosted,
    "proxied": proxied.proxied,
    "slow": proxied.slow,
    "workers": growth.workers,
    "containers": growth.containers,
    "files": growth.files,
    "big": big.big,
    "litellm": peers.against_litellm,
    "connexion": peers.against_connexion,
    "profile": profile.profile,
}
_DEFAULTS = Options()


@click.group()
def main() -> None:
    """Measure Berth."""


@main.command()
@click.option("--parts", default="all", help=f"What to measure: {', '.join(PARTS)}.")
@click.option("--name", help="How the results are called; today's date when left out.")
@click.option("--rounds", default=_DEFAULTS.rounds, show_default=True)
@click.option("--seconds", default=_DEFAULTS.seconds, show_default=True, help="Of one load.")
@click.option("--big-mb", default=_DEFAULTS.big_mb, show_default=True)
@click.option("--together-mb", default=_DEFAULTS.together_mb, show_default=True)
@click.option("--peer-mb", default=_DEFAULTS.peer_mb, show_default=True)
@click.option("--containers", default=_DEFAULTS.containers, show_default=True)
@click.option("--files", default=_DEFAULTS.files, show_default=True)
def run(parts: str, name: str | None, **options: int) -> None:
    """Measure, print the tables, and write them to bench/results. Exits with 1 if a part fails."""
    chosen = list(PARTS) if parts == "all" else parts.split(",")
    if unknown := set(chosen) - PARTS.keys():
        raise click.BadParameter(f"There is no {', '.join(sorted(unknown))}.")
    for tool in ("wrk", "curl"):
        if shutil.which(tool) is None:
            raise click.ClickException(f"{tool} is missing; `apt-get install {tool}` installs it.")
    results = _measure(chosen, Options(**options))
    path = page.RESULTS / f"{name or datetime.now(UTC).date()}.json"
    save(path, results)
    say(f"Written to {path.relative_to(ROOT)}")
    _show(path)
    if results["failures"]:
        raise SystemExit(1)


@main.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the tables of a run again."""
    _show(_results(name))


@main.command()
@click.argument("name")
def docs(name: str) -> None:
    """Put the tables of a run into docs/performance.md and README.md."""
    page.rewrite(_results(name).stem)


def _measure(parts: list[str], options: Options) -> Json:
    figures, failures, took = Figures(), {}, {}
    facts = machine.facts()
    ENVIRONMENTS.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended
    with tempfile.TemporaryDirectory(prefix="run-", dir=ENVIRONMENTS) as directory:
        whole = Run(options, figures, Path(directory), ENVIRONMENTS)
        for part in parts:
            began = time.monotonic()
            try:
                PARTS[part](whole)
            except (BenchError, OSError, SubprocessError) as exc:
                failures[part] = str(exc)
                say(f"{part}: {exc}")
            took[part] = round(time.monotonic() - began, 1)
    return {
        "machine": facts,
        "versions": machine.versions(ENVIRONMENTS),
        "options": vars(options),
        "seconds": took,
        "failures": failures,
        "figures": figures.figures,
    }


def _results(name: str) -> Path:
    path = page.RESULTS / f"{name}.json"
    if not path.exists():
        raise click.BadParameter(f"There is no {path.relative_to(ROOT)}.")
    return path


def _show(path: Path) -> None:
    for kind in ("machine", "figures", "goals"):
        click.echo(page.section(kind, path))


if __name__ == "__main__":
    main()
