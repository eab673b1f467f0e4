"""Load by wrk: many small requests, and what they took."""

import resource
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.servers import BenchError, Server

UNIQUE = "@unique@"
"""In a body, stands for what is another in each request, of other runs too."""
_TIMEOUT_S = 60
_ENDLESS_S = 3600
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Call:
    """What is asked again and again; of several paths, one after the other.

    A body has UNIQUE in it.
    """

    paths: Sequence[str]
    method: str = "GET"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What wrk saw in one run."""

    requests: int
    duration_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    generator_cpu_s: float

    @property
    def per_second(self) -> float:
        """How many requests were answered a second."""
        return self.requests / self.duration_s


def measure(server: Server, call: Call, *, connections: int, seconds: int) -> dict[str, float]:
    """Load the server and return requests/s, latencies, and the CPU time of each request."""
    before = server.cpu_s()
    load = run(server, call, connections=connections, seconds=seconds)
    used = server.cpu_s() - before
    return {
        "requests/s": load.per_second,
        "p50 ms": load.p50_ms,
        "p99 ms": load.p99_ms,
        "CPU ms": used * 1000 / load.requests,
    }


def run(server: Server, call: Call, *, connections: int, seconds: int) -> Load:
    """Ask for so many seconds. Raises BenchError when an answer is no success."""
    with running(server, call, connections=connections, seconds=seconds) as wrk:
        pass
    return wrk[0]


@contextmanager
def running(
    server: Server, call: Call, *, connections: int, seconds: int | None = None
) -> Iterator[list[Load]]:
    """Ask for so many seconds, or while the block runs; the list has the load when it is over."""
    command = _command(server, call, connections, seconds or _ENDLESS_S)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wrk = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    loads: list[Load] = []
    try:
        yield loads
        if seconds is None:
            wrk.send_signal(signal.SIGINT)
        _, output = wrk.communicate(timeout=(seconds or 0) + _TIMEOUT_S)
    finally:
        wrk.kill()
        wrk.wait()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    loads.append(_load(output, cpu_s, f"{server.name} {call.method} {call.paths[0]}"))


def _command(server: Server, call: Call, connections: int, seconds: int) -> list[str]:
    headers = {**server.headers, **call.headers}
    options = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    options += [o for k, v in headers.items() for o in ("--header", f"{k}: {v}")]
    options += ["--timeout", f"{_TIMEOUT_S}s", "--script", str(_SCRIPT), server.url, "--"]
    return ["wrk", *options, call.method, *_split(call.body), *call.paths]


def _split(body: str) -> tuple[str, str]:
    before, _, after = body.partition(UNIQUE)
    return before, after


def _load(output: bytes, cpu_s: float, what: str) -> Load:
    try:
        seen: dict[str, Any] = orjson.loads(output)
    except orjson.JSONDecodeError as exc:
        raise BenchError(f"wrk failed at {what}: {output.decode(errors='replace')}") from exc
    if seen["errors"] or not seen["requests"]:
        raise BenchError(f"Of {seen['requests']} requests {seen['errors']} failed: {what}")
    return Load(
        seen["requests"],
        seen["duration_us"] / 1e6,
        seen["p50_us"] / 1000,
        seen["p99_us"] / 1000,
        seen["max_us"] / 1000,
        cpu_s,
    )
