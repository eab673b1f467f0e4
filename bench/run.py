"""One run of the benchmark: its options, and what all parts need."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bench.figures import Figures
from bench.load import Call, measure
from bench.servers import Server
from bench.transfers import make_file


@dataclass(frozen=True)
class Options:
    """How long and how large. The defaults are those of a run that counts."""

    rounds: int = 5
    seconds: int = 1
    big_mb: int = 1024
    together_mb: int = 256
    peer_mb: int = 256
    containers: int = 1_000_000
    files: int = 100_000


@dataclass(frozen=True)
class Run:
    """A run's options, its figures, and a directory for what it writes meanwhile."""

    options: Options
    figures: Figures
    directory: Path
    environments: Path

    def rounds(self, part: str) -> Iterator[int]:
        """Yield the number of each round, and say so."""
        for number in range(1, self.options.rounds + 1):
            say(f"{part}: round {number} of {self.options.rounds}")
            yield number

    def load(
        self, group: str, subject: str, server: Server, call: Call, *, connections: int
    ) -> None:
        """Load the server for a while and add what came out."""
        seen = measure(server, call, connections=connections, seconds=self.options.seconds)
        for name, value in seen.items():
            self.figures.append(group, subject, name, value)

    def new_directory(self, name: str) -> Path:
        """Return a directory that nobody uses."""
        path = self.directory / f"{name}-{secrets.token_hex(4)}"
        path.mkdir()
        return path

    def file(self, megabytes: int) -> Path:
        """Return a file of that size, made when it is first asked for."""
        path = self.directory / f"{megabytes}.bin"
        return path if path.exists() else make_file(path, megabytes)


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    click.echo(text, err=True)
