"""The benchmark reckons right, and the pages show what was measured."""

from pathlib import Path

import pytest

from bench.figures import Figures, load, save, text
from bench.goals import GOALS, SUMMARY, Goal
from bench.page import PAGES, RESULTS, rewritten, runs_shown
from bench.parts.profile import layer_of
from bench.tables import goals_table

FIGURE = ("hosted", "retrieve", "CPU ms")


@pytest.fixture
def figures() -> Figures:
    figures = Figures()
    for mine, theirs in ((0.5, 10), (0.7, 7), (0.4, 2)):
        figures.append("hosted", "retrieve", "CPU ms", mine)
        figures.append("hosted", "peer", "CPU ms", theirs)
    return figures


def test_a_figure_is_the_median_with_its_spread(figures: Figures) -> None:
    assert text(figures.runs(*FIGURE)) == "0.5 (0.4–0.7)"


def test_a_ratio_is_that_of_neighbouring_runs(figures: Figures) -> None:
    figures.compare("hosted", "retrieve", "CPU ms", ("retrieve", "peer"))

    assert figures.runs("hosted", "retrieve", "× CPU ms") == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    ("bound", "met"),
    [("≤ 0.5 ms", True), ("≤ 0.49 ms", False), ("≥ 0.5 ms", True), ("≥ 0.51 ms", False)],
)
def test_a_goal_is_met_when_the_median_keeps_its_bound(
    figures: Figures, *, bound: str, met: bool
) -> None:
    assert Goal("retrieve", FIGURE, bound).met(figures) is met


def test_a_goal_that_was_not_measured_is_shown_as_such() -> None:
    table = goals_table({"figures": {}, "options": {}})

    assert table.count("not measured") == len(GOALS)


def test_results_are_read_as_they_were_written(figures: Figures, tmp_path: Path) -> None:
    results = {"figures": figures.figures, "failures": {}, "machine": {"cpu": "Ä", "cores": 2}}
    save(tmp_path / "run.json", results)

    assert load(tmp_path / "run.json") == results


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_was_measured(page: Path) -> None:
    shown = page.read_text(encoding="utf-8")

    assert "<!-- end -->" in shown
    assert rewritten(shown) == shown


def test_every_goal_is_about_a_figure_that_a_whole_run_has() -> None:
    (name,) = {name for page in PAGES for name in runs_shown(page.read_text(encoding="utf-8"))}
    figures = Figures(load(RESULTS / f"{name}.json")["figures"])

    assert [goal for goal in GOALS if not figures.runs(*goal.figure)] == []
    assert [what for what, figure, _ in SUMMARY if not figures.runs(*figure)] == []


def test_a_call_counts_for_the_innermost_layer_it_is_in() -> None:
    calls = ["run (uvicorn/server.py:1)", "find (catalog/containers.py:2)", "loads (json/x.py:3)"]

    assert layer_of(calls) == "catalog"
    assert layer_of(["start (threading.py:1)"]) == layer_of(["?"]) == "event loop and threads"
