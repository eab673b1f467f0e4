"""The servers that are measured, each a process of its own on the loopback interface."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from bench import processes

START_TIMEOUT_S = 180
END_TIMEOUT_S = 20
ROOT = Path(__file__).parent.parent
_CONFIGURING = ("BERTH_", "OPENAI_", "AZURE_", "LITELLM_", "GUNICORN_", "WEB_CONCURRENCY")
_OURS = {"PYTHONPATH": str(ROOT)}


class BenchError(Exception):
    """Something could not be measured."""


@dataclass
class Server:
    """A command that serves on `port` as long as the block runs, and all that it starts."""

    name: str
    command: list[str]
    directory: Path
    port: int
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/ready"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log = self.directory / "server.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=_inherited() | dict(self.environ),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._end()

    @cached_property
    def idle_mb(self) -> float:
        """The memory it had when this was first asked: before it had a file to carry."""
        return processes.memory_mb(self.pid)

    def cpu_s(self) -> float:
        """Return the CPU time it has used, in seconds."""
        return processes.cpu_s(self.pid)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.005)
        end = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise BenchError(f"{self.name} does not start: {end}")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return requests.get(self.url + self.ready, headers=self.headers, timeout=10).ok
        except (OSError, requests.RequestException):
            return False

    def _end(self) -> None:
        """End the process, and kill what it leaves of its own session."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def berth(directory: Path, *, upstream: str | None = None, **environ: str) -> Server:
    """Return Berth as `berth serve` starts it; `openai` is native when there is an upstream."""
    port = free_port()
    native = {"OPENAI_API_KEY": "sk-bench-0000", "OPENAI_BASE_URL": f"{upstream}/v1"}
    return Server(
        "Berth",
        [sys.executable, "-m", "gateway.cli", "serve"],
        directory,
        port,
        {"BERTH_DATA_DIR": "data", "PORT": str(port), "WEB_CONCURRENCY": "1"}
        | (native if upstream else {})
        | environ,
    )


def upstream(directory: Path, *, delay_s: float = 0) -> Server:
    """Return the fast provider, or one that takes `delay_s` for each answer."""
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", str(port), str(delay_s)]
    return Server("upstream", command, directory, port, _OURS, ready="/v1/containers/cntr_0")


def stock(directory: Path) -> Server:
    """Return connexion as its documentation serves it, with handlers that do nothing."""
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}"]
    command = [*gunicorn, "-k", "uvicorn_worker.UvicornWorker", "bench.stock:create_app()"]
    return Server("stock connexion", command, directory, port, _OURS, ready="/health")


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(_CONFIGURING)}
