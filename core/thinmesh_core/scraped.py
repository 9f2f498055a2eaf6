"""Metrics of processes, read back from what they expose at /metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Spread:
    """What a histogram has counted: how many there were, and the sum of them all."""

    count: float
    total: float

    @property
    def mean(self) -> float | None:
        """None where there was nothing."""
        return self.total / self.count if self.count else None

    def since(self, before: Spread) -> Spread:
        """What came after another look."""
        return Spread(self.count - before.count, self.total - before.total)


class Scraped:
    """One look at the metrics of several processes, added up."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for text in texts:
            for family in text_string_to_metric_families(text):
                for one in family.samples:
                    self._samples.setdefault(one.name, []).append((one.labels, one.value))

    def spread(self, metric: Histogram, **labels: str) -> Spread:
        """A histogram, over all that have these labels."""
        name = _name(metric)
        return Spread(self._sum(f"{name}_count", labels), self._sum(f"{name}_sum", labels))

    def counted(self, metric: Counter, **labels: str) -> float:
        """A counter likewise."""
        return self._sum(f"{_name(metric)}_total", labels)

    def highest(self, metric: Gauge, **labels: str) -> float:
        """The highest of a gauge; 0 where nobody has it."""
        return max(self._having(_name(metric), labels), default=0.0)

    def _sum(self, sample: str, labels: Mapping[str, str]) -> float:
        return sum(self._having(sample, labels))

    def _having(self, sample: str, labels: Mapping[str, str]) -> list[float]:
        return [value for found, value in self._samples.get(sample, ()) if labels.items() <= found.items()]


def _name(metric: Counter | Gauge | Histogram) -> str:
    return next(iter(metric.describe())).name
