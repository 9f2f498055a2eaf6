"""The metrics of processes that do the same, as if they were one: what each says at /metrics, added up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from math import isnan, nan

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name and its labels."""

STARTED = "process_start_time_seconds"

LEAST = frozenset(
    {
        "thinmesh_backend_ready",
        "thinmesh_quota_store_reachable",
        "thinmesh_temporal_reachable",
        "thinmesh_certificate_expires_unix_seconds",
        STARTED,
    }
)
"""Gauges of which the least says how it is with all."""

MOST = frozenset(
    {
        "thinmesh_event_loop_lag_seconds",
        "thinmesh_config_stale",
        "thinmesh_backend_ejected",
        "thinmesh_engine_queued",
        "thinmesh_engine_kv_cache_ratio",
        "thinmesh_quota_used_ratio",
        "thinmesh_autoscale_wanted_replicas",
        "thinmesh_autoscale_ready_replicas",
        "thinmesh_autoscale_calls",
        "thinmesh_autoscale_replica",
        "thinmesh_autoscale_wait_seconds",
        "process_max_fds",
    }
)
"""Gauges of which the most does; many are what each reads of the same thing."""

CARRIED = frozenset({"counter", "histogram", "summary"})
"""What only grows: what a process had counted stays counted when another takes its place."""


Values = dict[Key, float]


@dataclass(slots=True)
class _Told:
    """What one place last said by family, and what its processes before that had counted."""

    now: dict[str, Values] = field(default_factory=dict)
    before: dict[str, Values] = field(default_factory=dict)
    started: float | None = None

    def replace(self, now: dict[str, Values], started: float | None, carried: Collection[str]) -> None:
        """Takes what it says now; where that is another process, what the one before counted is kept."""
        if self.started not in {None, started}:
            self.before = {name: _added(self.before.get(name, {}), self.now.get(name, {}), sum) for name in carried}
        self.now, self.started = now, started


class JoinedMetrics(Collector):
    """What several places say. Tell it of each what that says; it remembers the last of those that are gone."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._families: dict[str, Metric] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def tell(self, place: str, text: str) -> None:
        """Takes what one says, in Prometheus' text format."""
        now = {}
        for family in text_string_to_metric_families(text):
            self._families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            now[family.name] = _values(family)
        started = next(iter(now.get(STARTED, {}).values()), None)
        carried = [name for name, family in self._families.items() if family.type in CARRIED]
        self._told.setdefault(place, _Told()).replace(now, started, carried)

    def exposition(self) -> bytes:
        """All of it together, in the same format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        for name, known in self._families.items():
            joined: Values = {}
            for told in self._told.values():
                joined = _added(joined, _added(told.before.get(name, {}), told.now.get(name, {}), sum), _how(name))
            family = Metric(name, known.documentation, known.type)
            for (series, labels), value in joined.items():
                family.add_sample(series, dict(labels), value)
            yield family


How = Callable[[Iterable[float]], float]


def _added(one: Values, other: Values, how: How) -> Values:
    return one | {key: how((one[key], value)) if key in one else value for key, value in other.items()}


def _how(name: str) -> How:
    if name in LEAST:
        return _least
    return max if name in MOST else sum


def _least(values: Iterable[float]) -> float:
    """No number says nothing: a process that has no such thing."""
    return min((value for value in values if not isnan(value)), default=nan)


def _values(family: Metric) -> Values:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
