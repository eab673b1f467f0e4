"""LiteLLM's proxy, in an environment of its own."""

import subprocess
import sys
from pathlib import Path

from bench.run import say
from bench.servers import BenchError, Server, free_port

_KEY = "sk-bench-0000"
_CONFIG = f"""\
general_settings: {{master_key: {_KEY}}}
litellm_settings: {{telemetry: false}}
"""


def litellm(environments: Path, directory: Path, *, upstream: str) -> Server:
    """Return LiteLLM's proxy with one worker, its other settings left alone."""
    python = _installed(environments / "litellm")
    (directory / "config.yaml").write_text(_CONFIG, encoding="utf-8")
    port = free_port()
    command = [str(python.with_name("litellm")), "--config", "config.yaml"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    return Server(
        "LiteLLM",
        command,
        directory,
        port,
        {"OPENAI_API_KEY": _KEY, "OPENAI_API_BASE": f"{upstream}/v1"},
        {"Authorization": f"Bearer {_KEY}"},
        "/health/liveliness",
    )


def version(environments: Path) -> str | None:
    """Return the version that is installed, if any is."""
    python = _python(environments / "litellm")
    if not python.exists():
        return None
    code = "from importlib.metadata import version; print(version('litellm'))"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def _installed(environment: Path) -> Path:
    """Install the newest version that can be, unless one is there; return its Python."""
    python = _python(environment)
    if not python.with_name("litellm").exists():
        say("litellm: installing it, which takes a minute or two")
        _run([sys.executable, "-m", "venv", "--clear", str(environment)])
        _run([str(python), "-m", "pip", "install", "--quiet", "litellm[proxy]"])
    return python


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchError(f"LiteLLM cannot be installed: {ended.stderr.strip()[-500:]}")
