"""Puts a run's tables into the pages that show them, between marks that name the run."""

import re
from collections.abc import Callable
from pathlib import Path

from bench.figures import Json, load
from bench.servers import ROOT
from bench.tables import (
    failures_list,
    figures_tables,
    goals_table,
    machine_table,
    summary_table,
)

PAGES = (ROOT / "docs" / "performance.md", ROOT / "README.md")
RESULTS = ROOT / "bench" / "results"
SECTIONS: dict[str, Callable[[Json], str]] = {
    "machine": machine_table,
    "goals": lambda results: goals_table(results) + failures_list(results),
    "figures": figures_tables,
    "summary": summary_table,
}
_SECTION = re.compile(r"<!-- (\w+) of ([\w.-]+) -->\n.*?<!-- end -->", re.DOTALL)


def rewrite(name: str) -> None:
    """Make the sections of all pages anew, from the run of that name."""
    for path in PAGES:
        page = rewritten(path.read_text(encoding="utf-8"), name)
        path.write_text(page, encoding="utf-8")


def rewritten(page: str, name: str | None = None) -> str:
    """Return the page with its sections made anew, each from the run it names or from `name`."""
    return _SECTION.sub(lambda match: _marked(match[1], name or match[2]), page)


def runs_shown(page: str) -> set[str]:
    """Return the names of the runs whose sections the page has."""
    return {name for _, name in _SECTION.findall(page)}


def section(kind: str, path: Path) -> str:
    """Return a section of the run in a file."""
    if kind == "plot":
        return f"![What was measured](../bench/results/{path.stem}.svg)\n"
    return SECTIONS[kind](load(path))


def _marked(kind: str, name: str) -> str:
    made = section(kind, RESULTS / f"{name}.json")
    return f"<!-- {kind} of {name} -->\n\n{made}\n<!-- end -->"
