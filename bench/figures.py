"""What was measured: runs of a measure of a subject, in groups, kept as JSON."""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
DIGITS = 4


class Figures:
    """Runs by group, subject and measure: `hosted`, `retrieve, 16 connections`, `p50 ms`."""

    def __init__(self, figures: Json | None = None) -> None:
        self.figures: Json = figures if figures is not None else {}

    def append(self, group: str, subject: str, measure: str, value: float) -> None:
        """Add one run."""
        runs = self.figures.setdefault(group, {}).setdefault(subject, {})
        runs.setdefault(measure, []).append(float(f"{value:.{DIGITS}g}"))

    def runs(self, group: str, subject: str, measure: str) -> list[float]:
        """Return all runs, in their order; none when it was not measured."""
        found: list[float] = self.figures.get(group, {}).get(subject, {}).get(measure, [])
        return found

    def compare(self, group: str, subject: str, measure: str, pair: tuple[str, str]) -> None:
        """Add the ratios of the first subject's runs to the second's, pair by pair.

        Both were measured in turn, so what else the machine did weighs on both alike.
        """
        one, other = (self.runs(group, name, measure) for name in pair)
        for a, b in zip(one, other, strict=True):
            self.append(group, subject, f"× {measure}", a / b)


def median(runs: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(runs)


def loaded(call: str, connections: int) -> str:
    """Return the subject of a call under load, as `retrieve, 16 connections`."""
    return f"{call}, {connections} connection{'s' if connections > 1 else ''}"


def text(runs: Sequence[float]) -> str:
    """Return the median and the spread, as `1.23 (1.20–1.31)`."""
    return f"{number(median(runs))} ({number(min(runs))}–{number(max(runs))})"


def number(value: float) -> str:
    """Return a number to three digits, and never in scientific notation."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.6f}"


def load(path: Path) -> Json:
    """Return the results in a file."""
    results: Json = json.loads(path.read_text(encoding="utf-8"))
    return results


def save(path: Path, results: Json) -> None:
    """Write results, one line a measure so that changes can be read."""
    path.write_text("".join(_lines(results)), encoding="utf-8")


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if not isinstance(value, dict) or not value:
        yield json.dumps(value, ensure_ascii=False)
    else:
        yield "{\n"
        for n, (key, item) in enumerate(value.items(), 1):
            yield f"{indent}  {json.dumps(key, ensure_ascii=False)}: "
            yield from _lines(item, indent + "  ")
            yield ",\n" if n < len(value) else "\n"
        yield indent + "}"
    if not indent:
        yield "\n"
