"""Draws a run. It has an environment of its own: nothing else needs what it draws with."""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.figures import Figures, load, loaded, median

RESULTS = Path(__file__).with_name("results")
_CONNECTIONS = (1, 16, 64)
_CALLS = {
    "hosted": ("retrieve", "create", "list 20 of 10,000", "upload 4 KB", "download 4 KB"),
    "proxied": ("retrieve", "create"),
}
_SPREAD = {"capsize": 3, "ecolor": "#333333"}


def draw(name: str) -> Path:
    """Draw the run of that name beside its results, and return where."""
    figures = Figures(load(RESULTS / f"{name}.json")["figures"])
    # The same run gives the same file, and its text is text.
    mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
    _throughput(axes[0][0], figures)
    _bars(axes[0][1], figures, "CPU ms", "CPU of a request, 16 connections (ms)", _cpu_subjects())
    _bars(axes[1][0], figures, "MB/s", "Big files (MB/s)", _speed_subjects())
    memory = "memory above idle, MB"
    _bars(axes[1][1], figures, memory, "Memory above idle (MB)", _memory_subjects())
    axes[1][1].set_xscale("symlog")
    path = RESULTS / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def _throughput(axes: Axes, figures: Figures) -> None:
    for group, calls in _CALLS.items():
        for call in calls:
            subjects = [(group, loaded(call, count)) for count in _CONNECTIONS]
            runs = [figures.runs(*subject, "requests/s") for subject in subjects]
            if all(runs):
                _, middles, spread = _spread(runs)
                label = f"{group} {call}"
                axes.errorbar(range(len(runs)), middles, yerr=spread, label=label, capsize=3)
    axes.set_xticks(range(len(_CONNECTIONS)), [str(count) for count in _CONNECTIONS])
    axes.set(title="Requests/s by connections, one worker", ylim=(0, None))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _bars(
    axes: Axes, figures: Figures, measure: str, title: str, subjects: Sequence[tuple[str, str]]
) -> None:
    """Draw the median of each subject that was measured, with its spread."""
    measured = [(s, figures.runs(*s, measure)) for s in subjects if figures.runs(*s, measure)]
    labels = [f"{subject}\n({group})" for (group, subject), _ in measured]
    positions, middles, spread = _spread([runs for _, runs in measured])
    axes.barh(positions, middles, xerr=spread, error_kw=_SPREAD, color="#4a7fb0")
    axes.set_yticks(positions, labels, fontsize=7)
    axes.set(title=title, xlim=(0, None))
    axes.invert_yaxis()


def _spread(runs: Sequence[Sequence[float]]) -> tuple[list[int], list[float], list[list[float]]]:
    middles = [median(one) for one in runs]
    below = [middle - min(one) for middle, one in zip(middles, runs, strict=True)]
    above = [max(one) - middle for middle, one in zip(middles, runs, strict=True)]
    return list(range(len(runs))), middles, [below, above]


def _cpu_subjects() -> list[tuple[str, str]]:
    own = [(group, loaded(call, 16)) for group, calls in _CALLS.items() for call in calls]
    peers = [("against LiteLLM", f"{call}, LiteLLM") for call in _CALLS["proxied"]]
    stock = [("against stock connexion", f"{call}, stock connexion") for call in _CALLS["proxied"]]
    return [*own, *peers, *stock]


def _speed_subjects() -> list[tuple[str, str]]:
    kinds = ("hosted", "proxied", "direct")
    own = [("big files", f"{way}, {kind}") for way in ("up", "down") for kind in kinds]
    return [*own, ("big files", "cp, sync, sha256sum"), *_peer_files()]


def _memory_subjects() -> list[tuple[str, str]]:
    own = [
        ("big files", f"{much}{way}, {kind}")
        for much in ("", "8 at once ")
        for way in ("up", "down")
        for kind in ("hosted", "proxied")
    ]
    return [*own, *_peer_files(), ("against stock connexion", "up, stock connexion")]


def _peer_files() -> list[tuple[str, str]]:
    return [
        ("against LiteLLM, files", f"{way}, {peer}")
        for way in ("up", "down")
        for peer in ("Berth", "LiteLLM")
    ]


if __name__ == "__main__":
    draw(sys.argv[1])
