"""How long a start takes, and what a worker weighs that does nothing."""

import time

from bench import processes, servers
from bench.places import Place
from bench.rows import PROVIDER
from bench.run import Run

GROUP, SUBJECT = "start", "Berth, one worker"


def starting(run: Run) -> None:
    """Start Berth on a new directory until it answers; then look at its worker."""
    for _ in run.rounds(GROUP):
        server = servers.berth(run.new_directory("start"))
        began = time.monotonic()
        with server:
            started_s = time.monotonic() - began
            Place.create(server, PROVIDER)
            (worker,) = processes.workers(server.pid)
            measures = {
                "first answer s": started_s,
                "RSS MB": processes.memory_mb(worker),
                "PSS MB": processes.proportional_mb(worker),
            }
            for measure, value in measures.items():
                run.figures.append(GROUP, SUBJECT, measure, value)
