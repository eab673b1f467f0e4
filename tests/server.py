"""A real server process for tests: gunicorn as `berth serve` starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

START_TIMEOUT_S = 30

CONFIGURING = ("BERTH_", "OPENAI_", "AZURE_OPENAI_")


class Server:
    """`berth serve` on a free port of the loopback interface, with a data directory of its own."""

    url: str

    def __init__(self, data_dir: Path, **environ: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self._environ = environ

    def start(self) -> Self:
        """Start it and wait until it answers and has all its workers."""
        environ = inherited() | {"BERTH_DATA_DIR": str(self.data_dir), "PORT": "0"}
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve"],
                env=environ | {"PYTHONUNBUFFERED": "1"} | self._environ,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait(began)
        except BaseException:
            self._end()
            raise
        return self

    @property
    def pid(self) -> int:
        """The id of the process that starts the workers."""
        return self._process.pid

    def workers(self) -> list[int]:
        """Return the ids of the processes that answer."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in children.split()]

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """Have one worker answer within the block; the others are stopped for so long."""
        others = set(self.workers()) - {worker}
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            while {_state(pid) for pid in others} - {"T"}:
                time.sleep(0.001)
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server and its workers, as a power cut would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Ask the server to end, wait until it has, and return its exit status."""
        self._process.terminate()
        return self._process.wait(START_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process.poll() is None:
            self.kill()

    def _wait(self, began: int) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended at its start: {self.log.read_text()}")
            if self._find_url(began) and self._has_all_workers():
                return
            time.sleep(0.02)
        raise RuntimeError(f"The server did not start: {self.log.read_text()}")

    def _has_all_workers(self) -> bool:
        try:
            return len(self.workers()) >= int(self._environ.get("WEB_CONCURRENCY", "1"))
        except FileNotFoundError:  # it has just been killed
            return False

    def _find_url(self, began: int) -> bool:
        """Learn the port from the start-up line, then see that a worker answers."""
        with self.log.open() as log:
            log.seek(began)
            lines = [line for line in log if " listens on " in line]
        if not lines:
            return False
        self.url = json.loads(lines[0])["message"].split(" listens on ")[1].split(",")[0]
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.RequestException:
            return False


def _state(pid: int) -> str:
    """Return the state of a process: `T` when it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]


def inherited() -> dict[str, str]:
    """Return this process's environment without what would configure Berth."""
    return {k: v for k, v in os.environ.items() if not k.startswith(CONFIGURING)}
