"""What Berth must be, in numbers, and whether a run found it so."""

from typing import NamedTuple

from bench.figures import Figures, median

REQUESTS, CPU, SPEED, MEMORY = "requests/s", "CPU ms", "MB/s", "memory above idle, MB"
_BIG, _SMALL, _FILES = "big files", "against LiteLLM", "against LiteLLM, files"


class Goal(NamedTuple):
    """A bound, as `≤ 0.6 ms`, for the median of the figure `(group, subject, measure)`."""

    what: str
    figure: tuple[str, str, str]
    bound: str

    def met(self, figures: Figures) -> bool | None:
        """Tell whether the median keeps the bound; None when nothing was measured."""
        runs = figures.runs(*self.figure)
        direction, bound, *_ = self.bound.split()
        if not runs:
            return None
        if direction == "≤":
            return median(runs) <= float(bound)
        return median(runs) >= float(bound)


GOALS = [
    Goal("hosted retrieve", ("hosted", "retrieve, 16 connections", CPU), "≤ 0.6 ms of CPU"),
    Goal("proxied retrieve", ("proxied", "retrieve, 16 connections", CPU), "≤ 1.0 ms of CPU"),
    Goal(
        "retrieve against LiteLLM's proxy",
        (_SMALL, "retrieve, Berth", f"× {REQUESTS}"),
        "≥ 20 × the requests/s",
    ),
    Goal(
        "retrieve against LiteLLM's proxy",
        (_SMALL, "retrieve, Berth", f"× {CPU}"),
        "≤ 0.05 × the CPU",
    ),
    Goal(
        "create against LiteLLM's proxy",
        (_SMALL, "create, Berth", f"× {REQUESTS}"),
        "≥ 20 × the requests/s",
    ),
    Goal(
        "create against LiteLLM's proxy",
        (_SMALL, "create, Berth", f"× {CPU}"),
        "≤ 0.05 × the CPU",
    ),
    Goal(
        "256 MB up against LiteLLM's proxy",
        (_FILES, "up, Berth", f"× {SPEED}"),
        "≥ 3 × the speed",
    ),
    Goal(
        "256 MB down against LiteLLM's proxy",
        (_FILES, "down, Berth", f"× {SPEED}"),
        "≥ 10 × the speed",
    ),
    *(
        Goal(
            f"p99 of other requests while 256 MB go {way}",
            (_FILES, f"others during {way}, Berth", "× p99 ms"),
            "≤ 2 × of what it is alone",
        )
        for way in ("up", "down")
    ),
    Goal("a worker at rest", ("start", "Berth, one worker", "RSS MB"), "≤ 90 MB"),
    Goal("start to first answer", ("start", "Berth, one worker", "first answer s"), "≤ 2 s"),
    *(
        Goal(f"1 GB {way}, {backend}", (_BIG, f"{way}, {backend}", MEMORY), "≤ 32 MB above idle")
        for backend in ("hosted", "proxied")
        for way in ("up", "down")
    ),
    *(
        Goal(
            f"8 files at once {way}, {backend}",
            (_BIG, f"8 at once {way}, {backend}", MEMORY),
            "≤ 128 MB above idle",
        )
        for backend in ("hosted", "proxied")
        for way in ("up", "down")
    ),
    *(
        Goal(
            f"1 GB {way} against straight to the provider",
            (_BIG, f"{way}, proxied", f"× {SPEED}"),
            "≥ 0.7 × the speed",
        )
        for way in ("up", "down")
    ),
    Goal(
        "1 GB up, hosted, against `cp`, `sync` and `sha256sum`",
        (_BIG, "up, hosted", f"× {SPEED}"),
        "≥ 0.8 × the speed",
    ),
    Goal(
        "retrieve among 1,000,000 containers against 1,000",
        ("growth", "retrieve, 1,000,000 containers", f"× {CPU}"),
        "≤ 1.2 × the CPU",
    ),
    Goal(
        "200 creates at a provider that takes 1 s, one worker",
        ("slow provider", "200 creates, Berth", "more than direct s"),
        "≤ 2 s more than the provider needs",
    ),
    Goal(
        "2 workers against 1",
        ("growth", "retrieve, 2 workers", f"× {REQUESTS}"),
        "≥ 1.7 × the requests/s",
    ),
]

SUMMARY = [
    (
        "retrieve a hosted container, one worker",
        ("hosted", "retrieve, 16 connections", REQUESTS),
        "requests/s",
    ),
    (
        "create a hosted container, synced to disk",
        ("hosted", "create, 16 connections", REQUESTS),
        "requests/s",
    ),
    (
        "upload a file of 4 KB, synced to disk",
        ("hosted", "upload 4 KB, 16 connections", REQUESTS),
        "requests/s",
    ),
    (
        "retrieve a container at a native provider",
        ("proxied", "retrieve, 16 connections", REQUESTS),
        "requests/s",
    ),
    ("the same, against LiteLLM's proxy", (_SMALL, "retrieve, Berth", f"× {REQUESTS}"), "×"),
    ("upload 1 GB to a native provider", (_BIG, "up, proxied", SPEED), "MB/s"),
    ("download 1 GB from a native provider", (_BIG, "down, proxied", SPEED), "MB/s"),
    ("memory above idle meanwhile", (_BIG, "down, proxied", MEMORY), "MB"),
    ("start to first answer", ("start", "Berth, one worker", "first answer s"), "s"),
]
"""What the README shows: what it is, its figure and its unit."""
