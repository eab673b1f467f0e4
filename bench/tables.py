"""A run's figures as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from bench.figures import Figures, Json, text
from bench.goals import GOALS, SUMMARY
from bench.run import Options

_VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


def goals_table(results: Json) -> str:
    """Return the goals, what was measured, and whether each is met."""
    figures, rows = Figures(results["figures"]), []
    for goal in GOALS:
        runs = figures.runs(*goal.figure)
        measured = text(runs) if runs else "–"
        rows.append([goal.what, goal.bound, measured, _VERDICTS[goal.met(figures)]])
    return _table(["what", "goal", "measured", "verdict"], rows) + _caution(results["options"])


def summary_table(results: Json) -> str:
    """Return the figures that the README shows."""
    figures = Figures(results["figures"])
    return _table(
        ["", "measured"],
        [
            [what, f"{text(runs)} {unit}"]
            for what, figure, unit in SUMMARY
            if (runs := figures.runs(*figure))
        ],
    ) + _caution(results["options"])


def figures_tables(results: Json) -> str:
    """Return a table of each group: a row a subject, a column a measure."""
    return "\n".join(_group(name, group) for name, group in results["figures"].items())


def machine_table(results: Json) -> str:
    """Return on what machine, and with what, the run was made."""
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items() if v)
    took = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in results["seconds"].items())
    options = ", ".join(f"{k} {v:,}" for k, v in results["options"].items())
    rows = [
        *results["machine"].items(),
        ("versions", versions),
        ("options", options),
        ("took", took),
    ]
    return _table(["", ""], [[str(key), str(value)] for key, value in rows])


def failures_list(results: Json) -> str:
    """Return what could not be measured, and why."""
    return "".join(
        f"\nThe part `{part}` failed: {' '.join(why.split())}\n"
        for part, why in results["failures"].items()
    )


def _caution(options: Json) -> str:
    """Say where the run was shorter or smaller than the goals are about."""
    usual = asdict(Options())
    other = [f"{k} {v:,} instead of {usual[k]:,}" for k, v in options.items() if v != usual[k]]
    return (
        f"\nThis run was another than the goals are about: {', '.join(other)}.\n" if other else ""
    )


def _group(name: str, group: Json) -> str:
    measures = list(dict.fromkeys(measure for figures in group.values() for measure in figures))
    rows = [
        [subject, *(text(found[m]) if m in found else "" for m in measures)]
        for subject, found in group.items()
    ]
    return f"### {name.capitalize()}\n\n{_table(['', *measures], rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(_lines(head, rows))


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in [head, ["---"] * len(head), *rows]:
        yield f"| {' | '.join(row)} |\n"
