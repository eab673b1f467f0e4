"""Metrics as Prometheus reads them."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.metrics import BUCKETS_S, COUNTERS, GAUGES, SECONDS, Counts, Labels


def text(total: Counts, measured: Counts) -> bytes:
    """Return what was counted and what there is, in the text format, version 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Collected(total, measured))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, total: Counts, measured: Counts) -> None:
        self._total = total
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        for name, (help_, labels) in COUNTERS.items():
            counter = CounterMetricFamily(name, help_, labels=labels)
            for key, count in sorted(self._total.get(name, {}).items()):
                counter.add_metric(key, count)
            yield counter
        yield _histogram(self._total.get(SECONDS, {}))
        for name, (help_, labels) in GAUGES.items():
            gauge = GaugeMetricFamily(name, help_, labels=labels)
            for key, value in sorted(self._measured[name].items()):
                gauge.add_metric(key, value)
            yield gauge


def _histogram(counts: dict[Labels, float]) -> HistogramMetricFamily:
    """Return how long requests took, by operation."""
    family = HistogramMetricFamily(SECONDS, "How long answers took.", labels=["operation"])
    bounds = [*map(str, BUCKETS_S), "+Inf"]
    for operation in sorted({operation for operation, _ in counts}):
        each = [counts.get((operation, str(place)), 0) for place in range(len(bounds))]
        buckets = list(zip(bounds, accumulate(each), strict=True))
        family.add_metric([operation], buckets, counts[operation, "sum"])
    return family
