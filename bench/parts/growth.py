"""How the cost of a request grows with what is kept, and throughput with workers."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from bench import rows, servers
from bench.load import Call
from bench.parts.hosted import OTHER
from bench.places import Place, retrieving
from bench.rows import PROVIDER
from bench.run import Run, say
from bench.servers import Server

GROUP = "growth"
FEW = 1000
WORKERS = (1, 2, 4)
SAMPLE = 1000
"""How many of the containers or files are asked for, one after the other."""

Measured = Mapping[int, tuple[Server, Mapping[str, Call]]]
"""By how many there are: who is asked, and what."""


def containers(run: Run) -> None:
    """Retrieve and list, of few containers and of many."""
    measured = {}
    with ExitStack() as stack:
        for count in (FEW, run.options.containers):
            say(f"{GROUP}: making {count:,} containers")
            directory = run.new_directory("containers")
            ids, _ = rows.fill(directory / "data", containers=count)
            calls = {
                "retrieve": retrieving(_sample(ids), PROVIDER),
                "list 20": Call([f"/v1/containers?provider={PROVIDER}&limit=20"]),
            }
            measured[count] = (stack.enter_context(servers.berth(directory)), calls)
        _load(run, "containers", measured, connections=16)


def files(run: Run) -> None:
    """Retrieve and list files of a container with one file, and of one with many."""
    measured = {}
    with ExitStack() as stack:
        for count in (1, run.options.files):
            directory = run.new_directory("files")
            (container_id,), ids = rows.fill(directory / "data", containers=1, files=count)
            path = f"/v1/containers/{container_id}/files"
            calls = {
                "retrieve file": Call(
                    [f"{path}/{one}?provider={PROVIDER}" for one in _sample(ids)]
                ),
                "list 20 files": Call([f"{path}?provider={PROVIDER}&limit=20"]),
            }
            measured[count] = (stack.enter_context(servers.berth(directory)), calls)
        _load(run, "files", measured, connections=16)


def workers(run: Run) -> None:
    """Retrieve from one, two and four workers."""
    measured = {}
    with ExitStack() as stack:
        for count in WORKERS:
            directory = run.new_directory("workers")
            server = stack.enter_context(servers.berth(directory, WEB_CONCURRENCY=str(count)))
            measured[count] = (server, {"retrieve": Place.create(server, OTHER).retrieving()})
        _load(run, "workers", measured, connections=64)


def _sample(ids: Sequence[str]) -> Sequence[str]:
    return ids[:: max(1, len(ids) // SAMPLE)]


def _load(run: Run, what: str, measured: Measured, *, connections: int) -> None:
    """Load all in turn, and compare each with the first."""
    for _ in run.rounds(f"{GROUP} of {what}"):
        for count, (server, calls) in measured.items():
            for name, call in calls.items():
                subject = _subject(name, count, what)
                run.load(GROUP, subject, server, call, connections=connections)
    first, *others = measured
    for count in others:
        for name in measured[count][1]:
            pair = (_subject(name, count, what), _subject(name, first, what))
            for measure in ("requests/s", "CPU ms"):
                run.figures.compare(GROUP, pair[0], measure, pair)


def _subject(name: str, count: int, what: str) -> str:
    return f"{name}, {count:,} {what if count > 1 else what.removesuffix('s')}"
