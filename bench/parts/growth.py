"""How the cost of a request grows with what is kept, and throughput with workers."""

from collections.abc import Sequence
from contextlib import ExitStack

from bench import rows, servers
from bench.load import Call
from bench.parts.hosted import OTHER
from bench.places import Place, retrieving
from bench.rows import PROVIDER
from bench.run import Run, say

GROUP = "growth"
FEW = 1000
WORKERS = (1, 2, 4)
SAMPLE = 1000


def containers(run: Run) -> None:
    """Retrieve and list, of few containers and of many."""
    counts = (FEW, run.options.containers)
    with ExitStack() as stack:
        measured = []
        for count in counts:
            directory = run.new_directory("containers")
            say(f"{GROUP}: making {count:,} containers")
            ids, _ = rows.fill(directory / "data", containers=count)
            server = stack.enter_context(servers.berth(directory))
            sample = ids[:: max(1, count // SAMPLE)]
            measured.append((count, server, sample))
        for _ in run.rounds(f"{GROUP} of containers"):
            for count, server, sample in measured:
                calls = {
                    "retrieve": retrieving(sample, PROVIDER),
                    "list 20": Call([f"/v1/containers?provider={PROVIDER}&limit=20"]),
                }
                for name, call in calls.items():
                    subject = _of(name, count, "containers")
                    run.load(GROUP, subject, server, call, connections=16)
    _compare(run, "retrieve", counts, "containers")
    _compare(run, "list 20", counts, "containers")


def files(run: Run) -> None:
    """Retrieve and list files of a container with one file, and of one with many."""
    counts = (1, run.options.files)
    with ExitStack() as stack:
        measured = []
        for count in counts:
            directory = run.new_directory("files")
            made, ids = rows.fill(directory / "data", containers=1, files=count)
            server = stack.enter_context(servers.berth(directory))
            calls = _file_calls(f"/v1/containers/{made[0]}/files", ids[:: max(1, count // SAMPLE)])
            measured.append((count, server, calls))
        for _ in run.rounds(f"{GROUP} of files"):
            for count, server, calls in measured:
                for name, call in calls.items():
                    run.load(GROUP, _of(name, count, "files"), server, call, connections=16)
    _compare(run, "retrieve file", counts, "files")
    _compare(run, "list 20 files", counts, "files")


def _file_calls(path: str, file_ids: Sequence[str]) -> dict[str, Call]:
    return {
        "retrieve file": Call([f"{path}/{one}?provider={PROVIDER}" for one in file_ids]),
        "list 20 files": Call([f"{path}?provider={PROVIDER}&limit=20"]),
    }


def workers(run: Run) -> None:
    """Retrieve from one, two and four workers."""
    with ExitStack() as stack:
        measured = []
        for count in WORKERS:
            directory = run.new_directory("workers")
            server = servers.berth(directory, WEB_CONCURRENCY=str(count))
            measured.append((count, stack.enter_context(server)))
        calls = [Place.create(server, OTHER).retrieving() for _, server in measured]
        for _ in run.rounds(f"{GROUP} of workers"):
            for (count, server), call in zip(measured, calls, strict=True):
                run.load(GROUP, _of("retrieve", count, "workers"), server, call, connections=64)
    _compare(run, "retrieve", (1, 2), "workers")
    _compare(run, "retrieve", (1, 4), "workers")


def _of(name: str, count: int, what: str) -> str:
    return f"{name}, {count:,} {what if count > 1 else what.removesuffix('s')}"


def _compare(run: Run, name: str, counts: tuple[int, int], what: str) -> None:
    few, many = (_of(name, count, what) for count in counts)
    for measure in ("requests/s", "CPU ms"):
        run.figures.compare(GROUP, many, measure, (many, few))
