"""What holds Python's lock during a retrieve, by py-spy: a worker cannot do more than it allows."""

import subprocess
from collections import Counter

from bench import processes, servers
from bench.load import running
from bench.parts.hosted import OTHER
from bench.places import Place
from bench.run import Run
from bench.servers import BenchError

GROUP = "profile of a retrieve"
CONNECTIONS = 16
RATE, DURATION_S = 250, 3
_OURS = ("gateway", "handlers", "providers", "catalog")
_THEIRS = ("connexion", "flask", "sqlalchemy", "starlette", "uvicorn", "urllib3")
LAYERS = {
    **{name: name for name in (*_OURS, *_THEIRS)},
    "werkzeug": "flask",
    "logging": "logging",
    "pythonjsonlogger": "logging",
    "asyncio": "event loop and threads",
    "concurrent": "event loop and threads",
    "threading.py": "event loop and threads",
}
"""What a frame counts for, by where its file is. Others count for what called them."""


def profile(run: Run) -> None:
    """Sample the worker while it answers, and add each layer's share."""
    with (
        servers.upstream(run.new_directory("upstream")) as upstream,
        servers.berth(run.new_directory("profile"), upstream=upstream.url) as server,
    ):
        places = {
            "hosted": Place.create(server, OTHER),
            "proxied": Place.create(server, "openai"),
        }
        (worker,) = processes.workers(server.pid)
        for _ in run.rounds(GROUP):
            for name, place in places.items():
                with running(server, place.retrieving(), connections=CONNECTIONS):
                    samples = _sample(run, worker)
                shares = _layers(samples)
                for layer in sorted(set(LAYERS.values())):
                    share = 100 * shares[layer] / shares.total()
                    run.figures.append(GROUP, layer, f"{name}, %", share)


def _sample(run: Run, pid: int) -> list[str]:
    """Return py-spy's samples: calls from the outermost inwards, and how often they were seen."""
    output = run.new_directory("samples") / "samples.txt"
    command = [str(run.environments / "plot" / "bin" / "py-spy"), "record", "--pid", str(pid)]
    command += ["--duration", str(DURATION_S), "--rate", str(RATE)]
    command += ["--gil", "--format", "raw", "--output", str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode or not output.exists():
        raise BenchError(f"py-spy cannot look into a process: {ended.stderr.strip()}")
    return output.read_text(encoding="utf-8").splitlines()


def _layers(samples: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for sample in samples:
        calls, _, count = sample.rpartition(" ")
        found[layer_of(calls.split(";"))] += int(count)
    return found


def layer_of(calls: list[str]) -> str:
    """Return the layer of the innermost call that has one, of calls as `name (file:line)`."""
    for call in reversed(calls):
        file = call.rpartition("(")[2]
        layer = LAYERS.get(file.partition("/")[0].partition(":")[0].rstrip(")"))
        if layer:
            return layer
    return "event loop and threads"
