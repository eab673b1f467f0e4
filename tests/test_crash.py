"""Nothing acknowledged is lost, and nothing else appears, when the server is killed under load."""

import os
import random
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.crash.client import Client
from tests.crash.http import PROVIDER, Http
from tests.crash.operations import Arena
from tests.crash.promises import check_promises, hashes, hashes_on_disk
from tests.server import Server
from tests.waiting import wait_until

CYCLES = int(os.environ.get("BERTH_CRASH_CYCLES", "25"))
SEED = os.environ.get("BERTH_CRASH_SEED", secrets.token_hex(4))
CLIENTS = 4
MOST_ANSWERS = 50
SWEEPING = {"BERTH_SWEEP_INTERVAL_S": "0.2", "BERTH_ORPHAN_GRACE_S": "0"}


def test_a_server_killed_under_load_keeps_every_promise(tmp_path: Path) -> None:
    dice, counts = random.Random(SEED), Counter[str]()
    arena, clients = begin(tmp_path / "data")
    for cycle in range(1, CYCLES + 1):
        workers = dice.choice("12")
        with Server(tmp_path / "data", WEB_CONCURRENCY=workers, **SWEEPING) as server:
            counts += check_promises(server.url, clients, arena)
            put_under_load(server, clients, server.kill, after=dice.randint(0, MOST_ANSWERS))
        if cycle % 25 == 0:
            report(cycle, counts, clients)
    with Server(tmp_path / "data", **SWEEPING) as server:
        counts += check_promises(server.url, clients, arena)
        referenced = hashes(clients, arena)
        with suppress(TimeoutError):
            wait_until(lambda: hashes_on_disk(tmp_path / "data") == referenced)
    report(CYCLES, counts, clients)
    missing, left = report_blobs(referenced, hashes_on_disk(tmp_path / "data"))

    assert (missing, left) == (0, 0)
    assert '"level":"ERROR"' not in server.log.read_text()
    assert counts["unanswered"] > CYCLES
    assert acknowledged(clients)["Upload"] > CYCLES


def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    dice, counts = random.Random(SEED), Counter[str]()
    arena, clients = begin(tmp_path / "data")
    with Server(tmp_path / "data", WEB_CONCURRENCY="2", **SWEEPING) as server:
        while counts["unanswered"] < 2 and counts["kills"] < 10:
            counts["kills"] += 1
            worker = dice.choice(server.workers())
            kill = partial(os.kill, worker, signal.SIGKILL)
            put_under_load(server, clients, kill, after=dice.randint(20, MOST_ANSWERS), more=20)
            wait_until(partial(replaced, server, worker))
            counts += check_promises(server.url, clients, arena)
    report(counts["kills"], counts, clients)

    assert counts["unanswered"] > 1


def test_a_server_killed_while_it_starts_starts_again(tmp_path: Path) -> None:
    dice, server = random.Random(SEED), Server(tmp_path / "data", **SWEEPING)
    for _ in range(4):
        killer = threading.Timer(dice.uniform(0.2, 1.2), server.kill)
        killer.start()
        with suppress(RuntimeError):
            server.start()
        killer.join()

    with server:
        assert Http(server.url).call("POST", "", json={**PROVIDER, "name": "n"}).ok


def begin(data_dir: Path) -> tuple[Arena, list[Client]]:
    """Create the container that all clients share, and the clients."""
    with Server(data_dir) as server:
        body = {**PROVIDER, "name": "arena"}
        arena = Arena(Http(server.url).call("POST", "", json=body).json()["id"], "arena")
        server.stop()
    return arena, [Client(f"client {n}", arena, seed=f"{SEED} {n}") for n in range(CLIENTS)]


def put_under_load(
    server: Server,
    clients: Sequence[Client],
    kill: Callable[[], None],
    *,
    after: int,
    more: int = 0,
) -> None:
    """Let the clients work, kill after so many answers, and let who still can get some more."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(clients)) as pool:
        working = [pool.submit(client.work, server.url, stop) for client in clients]
        try:
            wait_for_answers(clients, working, after)
            kill()
            wait_for_answers(clients, working, more)
        finally:
            stop.set()
    for work in working:
        work.result()


def wait_for_answers(
    clients: Sequence[Client], working: Sequence[Future[None]], number: int
) -> None:
    """Wait until all clients together got so many answers, or none can get any."""
    enough = sum(client.answers for client in clients) + number
    wait_until(
        lambda: (
            sum(client.answers for client in clients) >= enough
            or all(work.done() for work in working)
        )
    )


def replaced(server: Server, worker: int) -> bool:
    """Tell whether the server has all its workers again, without this one."""
    return len(server.workers()) == 2 and worker not in server.workers()


def acknowledged(clients: Sequence[Client]) -> Counter[str]:
    """Return how many of each operation the server promised to have done."""
    return sum((client.counts for client in clients), Counter[str]())


def report(cycles: int, counts: Counter[str], clients: Sequence[Client]) -> None:
    """Print what was done and compared so far; a loss would have ended the test before."""
    numbers = acknowledged(clients) + counts
    done = ", ".join(f"{name} {number}" for name, number in sorted(numbers.items()))
    line = f"seed {SEED}: {cycles} cycles, lost 0, too much 0; {done}"
    print(line, flush=True)  # noqa: T201 - a long run shows how far it is


def report_blobs(referenced: Counter[str], on_disk: Counter[str]) -> tuple[int, int]:
    """Print and return how many blobs are missing, and how many are there for nothing."""
    missing, left = (referenced - on_disk).total(), (on_disk - referenced).total()
    line = f"{referenced.total()} blobs referenced: {missing} missing, {left} unreferenced remain"
    print(line, flush=True)  # noqa: T201 - the numbers that the run is for
    return missing, left
