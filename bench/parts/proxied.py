"""Small requests that Berth passes on to a provider."""

from bench import servers
from bench.figures import loaded
from bench.parts.hosted import CONNECTIONS
from bench.places import Place, creating
from bench.run import Run
from bench.transfers import post_all_at_once

GROUP = "proxied"
SLOW = "slow provider"
IN_FLIGHT = 200


def proxied(run: Run) -> None:
    """Measure create and retrieve at a provider that answers at once."""
    with (
        servers.upstream(run.new_directory("upstream")) as upstream,
        servers.berth(run.new_directory("proxied"), upstream=upstream.url) as server,
    ):
        calls = {
            "retrieve": Place.create(server, "openai").retrieving(),
            "create": creating("openai"),
        }
        for _ in run.rounds(GROUP):
            for connections in CONNECTIONS:
                for name, call in calls.items():
                    subject = loaded(name, connections)
                    run.load(GROUP, subject, server, call, connections=connections)


def slow(run: Run) -> None:
    """Create many containers at once at a provider that takes a second for each."""
    with (
        servers.upstream(run.new_directory("slow"), delay_s=1) as upstream,
        servers.berth(run.new_directory("waiting"), upstream=upstream.url) as server,
    ):
        call = creating("openai")
        for _ in run.rounds(SLOW):
            direct = post_all_at_once(upstream, call.paths[0], call.body, IN_FLIGHT)
            through = post_all_at_once(server, call.paths[0], call.body, IN_FLIGHT)
            creates = f"{IN_FLIGHT} creates"
            run.figures.append(SLOW, f"{creates}, direct", "all done s", direct)
            run.figures.append(SLOW, f"{creates}, Berth", "all done s", through)
            run.figures.append(SLOW, f"{creates}, Berth", "more than direct s", through - direct)
