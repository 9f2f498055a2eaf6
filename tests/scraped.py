"""What Prometheus would read of a process: its samples, by name and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from thinmesh_core.telemetry import exposition

PARTS = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum"), "counter": ("_total",)}
"""What the names of series have behind their family's."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One scrape. `names` are those that series have or may have: a family is told before it has any."""

    samples: tuple[Sample, ...]
    names: frozenset[str]

    def of(self, name: str, **labels: str) -> Iterator[Sample]:
        """The samples of this name that have these labels."""
        for one in self.samples:
            if one.name == name and labels.items() <= one.labels.items():
                yield one

    def total(self, name: str, **labels: str) -> float:
        """Their sum."""
        return sum(one.value for one in self.of(name, **labels))

    @property
    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        """Every series' name and labels."""
        return {(one.name, tuple(sorted(one.labels.items()))) for one in self.samples}


def parse(text: str) -> Scraped:
    """A scrape's text."""
    families = [one for one in text_string_to_metric_families(text) if (one.type, one.name[-8:]) != ("gauge", "_created")]
    names = frozenset(one.name + part for one in families for part in PARTS.get(one.type, ("",)))
    return Scraped(tuple(sample for one in families for sample in one.samples), names)


def declared() -> frozenset[str]:
    """The names that a process of thinmesh tells."""
    return parse(exposition().decode()).names


async def scrape(admin: str) -> Scraped:
    """What a process with this admin address tells now."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session, session.get(f"{admin}/metrics") as response:
        assert response.status == 200
        return parse(await response.text())
