"""What a process and its children use, from Linux's /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024
MIB = 1024**2


def tree(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def workers(pid: int) -> list[int]:
    """Return the processes that do the work: those without children."""
    return [one for one in tree(pid) if len(tree(one)) == 1]


def cpu_s(pid: int) -> float:
    """Return the CPU time that the process and its children have used, in seconds."""
    return sum(_cpu_ticks(one) for one in tree(pid)) / _TICKS


def _cpu_ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def memory_mb(pid: int) -> float:
    """Return the memory in use now (RSS) by the process and its children."""
    return _sum_mb(pid, "status", "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most memory since `forget_peak`; for children, the sum of their peaks."""
    return _sum_mb(pid, "status", "VmHWM")


def proportional_mb(pid: int) -> float:
    """Return the memory of one process, with a fair part of what it shares (PSS)."""
    return _kib(pid, "smaps_rollup", "Pss") * _KIB / MIB


def forget_peak(pid: int) -> None:
    """Let the peak begin at what is in use now."""
    for one in tree(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5", encoding="ascii")


def _sum_mb(pid: int, file: str, field: str) -> float:
    return sum(_kib(one, file, field) for one in tree(pid)) * _KIB / MIB


def _kib(pid: int, file: str, field: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise LookupError(f"{file} of {pid} has no {field}.")
