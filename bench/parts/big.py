"""Big files, up and down, and the memory they take."""

import shlex
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import servers
from bench.places import Place
from bench.processes import MIB
from bench.rows import PROVIDER
from bench.run import Run
from bench.transfers import Transfer, download, peak_above_idle, together, upload

GROUP = "big files"
TOGETHER = 8
_MAX = str(16 * 1024**3)


def big(run: Run) -> None:
    """Measure one big file, and several at once, hosted, proxied and straight to the provider."""
    with (
        servers.upstream(run.new_directory("upstream")) as upstream,
        servers.berth(
            run.new_directory("big"), upstream=upstream.url, BERTH_MAX_FILE_BYTES=_MAX
        ) as server,
    ):
        places = {
            "hosted": Place.create(server, PROVIDER),
            "proxied": Place.create(server, "openai"),
            "direct": Place.create(upstream, "openai"),
        }
        for _ in run.rounds(GROUP):
            for name, place in places.items():
                _one(run, name, place)
            _copy(run)
        for _ in run.rounds(f"{GROUP}, {TOGETHER} at once"):
            for name, place in places.items():
                _several(run, name, place)
    for way in ("up", "down"):
        run.figures.compare(GROUP, f"{way}, proxied", "MB/s", (f"{way}, proxied", f"{way}, direct"))
    run.figures.compare(GROUP, "up, hosted", "MB/s", ("up, hosted", "cp, sync, sha256sum"))


def _one(run: Run, name: str, place: Place) -> None:
    path = run.file(run.options.big_mb)
    up = _measure(run, f"up, {name}", place, partial(upload, place, path))
    _measure(run, f"down, {name}", place, partial(download, place, up.file_id, up.size))


def _measure(run: Run, subject: str, place: Place, transfer: Callable[[], Transfer]) -> Transfer:
    used_s = place.server.cpu_s()
    with peak_above_idle(place.server) as rise:
        done = transfer()
    _add(run, subject, done, rise[0])
    per_gb = (place.server.cpu_s() - used_s) * 1024 * MIB / done.size
    run.figures.append(GROUP, subject, "CPU s/GB", per_gb)
    return done


def _add(run: Run, subject: str, transfer: Transfer, rise_mb: float) -> None:
    run.figures.append(GROUP, subject, "MB/s", transfer.mb_per_s)
    run.figures.append(GROUP, subject, "memory above idle, MB", rise_mb)


def _several(run: Run, name: str, place: Place) -> None:
    path = run.file(run.options.together_mb)
    names = [f"{number}.bin" for number in range(TOGETHER)]
    with peak_above_idle(place.server) as rise:
        took = together([partial(upload, place, path, name=n) for n in names])
    _add_several(run, f"{TOGETHER} at once up, {name}", path, took, rise[0])
    file_id = upload(place, path).file_id
    size = path.stat().st_size
    with peak_above_idle(place.server) as rise:
        took = together([partial(download, place, file_id, size) for _ in names])
    _add_several(run, f"{TOGETHER} at once down, {name}", path, took, rise[0])


def _add_several(run: Run, subject: str, path: Path, took: float, rise_mb: float) -> None:
    whole = Transfer(took, 0, TOGETHER * path.stat().st_size, b"")
    _add(run, subject, whole, rise_mb)


def _copy(run: Run) -> None:
    """Do with the tools of the system what a hosted upload does: copy, make durable, hash."""
    source, target = run.file(run.options.big_mb), run.directory / "copy.bin"
    began = time.monotonic()
    for command in (f"cp {source} {target}", f"sync {target}", f"sha256sum {target}"):
        subprocess.run(shlex.split(command), check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    target.unlink()
    whole = Transfer(took, 0, source.stat().st_size, b"")
    run.figures.append(GROUP, "cp, sync, sha256sum", "MB/s", whole.mb_per_s)
