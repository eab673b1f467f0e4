"""That the load generator and the provider are not what limits the other figures."""

from bench import servers
from bench.load import run as load
from bench.places import creating, retrieving
from bench.run import Run

GROUP = "generator"


def generator(run: Run) -> None:
    """Load the provider alone, as Berth and its peers are loaded."""
    calls = {"retrieve": retrieving(["cntr_0"], "openai"), "create": creating("openai")}
    with servers.upstream(run.new_directory("generator")) as upstream:
        for _ in run.rounds(GROUP):
            for name, call in calls.items():
                seen = load(upstream, call, connections=16, seconds=run.options.seconds)
                subject = f"{name} at the provider, 16 connections"
                run.figures.append(GROUP, subject, "requests/s", seen.per_second)
                per_request = seen.generator_cpu_s * 1000 / seen.requests
                run.figures.append(GROUP, subject, "wrk's CPU ms", per_request)
