"""How long a start takes, and what a worker weighs that does nothing."""

import time

from bench import processes, servers
from bench.places import Place
from bench.run import Run

GROUP = "start"


def starting(run: Run) -> None:
    """Start Berth on a new directory until it answers; then look at its worker."""
    for _ in run.rounds(GROUP):
        server = servers.berth(run.new_directory("start"))
        began = time.monotonic()
        with server:
            run.figures.add(GROUP, "Berth, one worker", first_answer_s=time.monotonic() - began)
            Place.create(server, "ollama")
            (worker,) = processes.workers(server.pid)
            run.figures.append(GROUP, "Berth, one worker", "RSS MB", processes.memory_mb(worker))
            shared = processes.proportional_mb(worker)
            run.figures.append(GROUP, "Berth, one worker", "PSS MB", shared)
