"""Big files by curl: how fast they go up and down, and what memory that takes."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench import processes
from bench.places import Place
from bench.processes import MIB
from bench.servers import BenchError, Server

_BLOCK = 4 * MIB
_TIMEOUT_S = 600


@dataclass(frozen=True)
class Transfer:
    """What curl saw of one transfer."""

    seconds: float
    first_byte_s: float
    size: int
    answer: bytes

    @property
    def file_id(self) -> str:
        """The id of the file that was uploaded."""
        return str(orjson.loads(self.answer)["id"])

    @property
    def mb_per_s(self) -> float:
        """Its speed in MiB/s."""
        return self.size / MIB / self.seconds


def make_file(path: Path, megabytes: int) -> Path:
    """Write a file that does not compress."""
    block = Path("/dev/urandom").open("rb").read(_BLOCK)  # noqa: SIM115
    with path.open("wb") as file:
        for _ in range(megabytes * MIB // _BLOCK):
            file.write(block)
    return path


def upload(place: Place, path: Path, *, name: str = "big.bin") -> Transfer:
    """Upload the file under the name."""
    form = ["--form", f"file=@{path};filename={name}"]
    return _curl(place.server, place.files, form, path.stat().st_size)


def download(place: Place, file_id: str, size: int) -> Transfer:
    """Download a file of a known size to nowhere. Raises BenchError when it is another."""
    return _curl(place.server, place.content(file_id), ["--output", "/dev/null"], size)


def together(transfers: Sequence[Callable[[], object]]) -> float:
    """Run all at once and return how long it took until the last was done."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(transfers)) as pool:
        for running in [pool.submit(transfer) for transfer in transfers]:
            running.result()
    return time.monotonic() - began


@contextmanager
def peak_above_idle(server: Server) -> Iterator[list[float]]:
    """Watch the memory while the block runs; the list has its rise in MiB when it is over.

    What earlier transfers left behind counts: idle is how the server was before the first.
    """
    idle_mb = server.idle_mb
    processes.forget_peak(server.pid)
    rises: list[float] = []
    yield rises
    rises.append(processes.peak_mb(server.pid) - idle_mb)


def post_all_at_once(server: Server, path: str, body: str, count: int) -> float:
    """Post so many bodies at once; return how long it took until all were answered with success."""
    urls = [f'url = "{server.url}{path}"', 'output = "/dev/null"'] * count
    command = ["curl", "--silent", "--show-error", "--parallel", "--parallel-immediate"]
    command += ["--parallel-max", str(count), "--fail", "--config", "-", *_headers(server)]
    command += ["--header", "Content-Type: application/json", "--data", body]
    began = time.monotonic()
    _run(command, stdin="\n".join(urls).encode())
    return time.monotonic() - began


def _curl(server: Server, path: str, options: list[str], size: int) -> Transfer:
    told = '{"time": %{time_total}, "first": %{time_starttransfer}, "down": %{size_download}}'
    command = ["curl", "--silent", "--show-error", "--fail", "--header", "Expect:"]
    command += [*_headers(server), "--write-out", "\n" + told, *options, server.url + path]
    answer, _, facts = _run(command).rpartition(b"\n")
    seen = orjson.loads(facts)
    if not answer and seen["down"] != size:
        raise BenchError(f"{server.name} gave {seen['down']} bytes instead of {size}.")
    return Transfer(seen["time"], seen["first"], size, answer)


def _headers(server: Server) -> list[str]:
    return [option for k, v in server.headers.items() for option in ("--header", f"{k}: {v}")]


def _run(command: list[str], stdin: bytes = b"") -> bytes:
    ended = subprocess.run(
        command, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False
    )
    if ended.returncode:
        raise BenchError(f"curl failed: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout
