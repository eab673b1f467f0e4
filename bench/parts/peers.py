"""The same calls through others: LiteLLM's proxy, and connexion without our changes."""

from contextlib import ExitStack

from bench import servers
from bench.litellm import litellm
from bench.load import Load, running
from bench.load import run as load
from bench.parts.hosted import OTHER
from bench.places import Place, creating
from bench.run import Run
from bench.transfers import Transfer, download, peak_above_idle, upload

SMALL, BIG, STOCK = "against LiteLLM", "against LiteLLM, files", "against stock connexion"
CONNECTIONS = 16
OTHERS = 4
BERTH, LITELLM, CONNEXION = "Berth", "LiteLLM", "stock connexion"


def against_litellm(run: Run) -> None:
    """Measure small requests and files through both, in turn, at the same provider."""
    with ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream(run.new_directory("upstream")))
        both = [
            servers.berth(run.new_directory("berth"), upstream=upstream.url),
            litellm(run.environments, run.new_directory("litellm"), upstream=upstream.url),
        ]
        places = [Place.create(stack.enter_context(server), "openai") for server in both]
        for _ in run.rounds(SMALL):
            for place in places:
                _requests(run, SMALL, place)
        for _ in run.rounds(BIG):
            for place in places:
                _files(run, place)
    _compare_requests(run, SMALL, LITELLM)
    for way in ("up", "down"):
        pair = (f"{way}, {BERTH}", f"{way}, {LITELLM}")
        run.figures.compare(BIG, f"{way}, {BERTH}", "MB/s", pair)


def against_connexion(run: Run) -> None:
    """Measure what Berth answers itself, and connexion whose handlers do nothing."""
    with (
        servers.berth(run.new_directory("berth")) as berth,
        servers.stock(run.new_directory("stock")) as stock,
    ):
        places = [Place.create(server, OTHER) for server in (berth, stock)]
        for _ in run.rounds(STOCK):
            for place in places:
                _requests(run, STOCK, place)
                with peak_above_idle(place.server) as rise:
                    up = upload(place, run.file(run.options.peer_mb))
                _add(run, STOCK, f"up, {place.server.name}", up, rise[0])
    _compare_requests(run, STOCK, CONNEXION)


def _requests(run: Run, group: str, place: Place) -> None:
    calls = {"retrieve": place.retrieving(), "create": creating(place.provider)}
    for name, call in calls.items():
        subject = f"{name}, {place.server.name}"
        run.load(group, subject, place.server, call, connections=CONNECTIONS)


def _compare_requests(run: Run, group: str, peer: str) -> None:
    for name in ("retrieve", "create"):
        pair = (f"{name}, {BERTH}", f"{name}, {peer}")
        for measure in ("requests/s", "CPU ms"):
            run.figures.compare(group, pair[0], measure, pair)


def _files(run: Run, place: Place) -> None:
    """Upload and download alone; then again while others retrieve, and see how these fare."""
    path, server = run.file(run.options.peer_mb), place.server
    with peak_above_idle(server) as rise:
        up = upload(place, path)
    _add(run, BIG, f"up, {server.name}", up, rise[0])
    with peak_above_idle(server) as rise:
        down = download(place, up.file_id, up.size)
    _add(run, BIG, f"down, {server.name}", down, rise[0])
    run.figures.append(BIG, f"down, {server.name}", "first byte ms", down.first_byte_s * 1000)

    others = place.retrieving()
    alone = load(server, others, connections=OTHERS, seconds=run.options.seconds)
    run.figures.append(BIG, f"others alone, {server.name}", "p99 ms", alone.p99_ms)
    with running(server, others, connections=OTHERS) as seen:
        upload(place, path)
    _add_others(run, f"others during up, {server.name}", seen[0], alone)
    with running(server, others, connections=OTHERS) as seen:
        download(place, up.file_id, up.size)
    _add_others(run, f"others during down, {server.name}", seen[0], alone)


def _add(run: Run, group: str, subject: str, transfer: Transfer, rise_mb: float) -> None:
    run.figures.append(group, subject, "MB/s", transfer.mb_per_s)
    run.figures.append(group, subject, "memory above idle, MB", rise_mb)


def _add_others(run: Run, subject: str, seen: Load, alone: Load) -> None:
    run.figures.append(BIG, subject, "p99 ms", seen.p99_ms)
    run.figures.append(BIG, subject, "worst ms", seen.max_ms)
    run.figures.append(BIG, subject, "× p99 ms", seen.p99_ms / alone.p99_ms)
