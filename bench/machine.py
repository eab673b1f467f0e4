"""What was measured, and on what machine."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench import litellm
from bench.figures import Json
from bench.servers import ROOT

_PACKAGES = ("connexion", "flask", "gunicorn", "sqlalchemy", "urllib3", "uvicorn", "uvloop")


def facts() -> Json:
    """Return what is to be known before a run, without a name or a path."""
    return {
        "revision": _revision(),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 2),
    }


def versions(environments: Path) -> Json:
    """Return the versions of what took part."""
    return {
        **{package: version(package) for package in _PACKAGES},
        "litellm": litellm.version(environments),
        "wrk": _second_word("wrk", "-v"),
        "curl": _second_word("curl", "--version"),
    }


def _revision() -> str:
    told = _first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*")
    return told or "unknown"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _second_word(*command: str) -> str:
    return " ".join(_first_line(*command).split()[1:2])


def _first_line(*command: str) -> str:
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
    return told.partition("\n")[0]
