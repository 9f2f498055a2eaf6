"""How much each tenant of one class was served, so that the least served goes next. Pure.

The virtual token counter: Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024 (arXiv 2401.00588). Of two
tenants that always wait, neither is ever served more than twice the larger of the largest input and the tokens of what runs
at once ahead of the other, both divided by the weights.
"""

from __future__ import annotations

from collections.abc import Collection

MOST_COUNTERS = 4096
"""Beyond so many, those are forgotten that say nothing any more."""


class VirtualCounters:
    """Tokens served, divided by the tenant's weight. Idleness saves nothing up: see `lift`."""

    __slots__ = ("_counters", "_last")

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._last = ""

    def of(self, tenant: str) -> float:
        """What the tenant was served; 0 where it is not known."""
        return self._counters.get(tenant, 0.0)

    def lift(self, tenant: str, waiting: Collection[str]) -> None:
        """A tenant begins to wait, or is served without: it comes level with the least served of those that wait.

        Where nobody waits, with the one that was served last.
        """
        counters = self._counters
        level = min([counters.get(one, 0.0) for one in waiting]) if waiting else counters.get(self._last, 0.0)
        if counters.get(tenant, -1.0) < level:
            if len(counters) >= MOST_COUNTERS:
                self._forget(level, waiting)
            counters[tenant] = level

    def charge(self, tenant: str, weight: float, tokens: float) -> None:
        """The tenant was served so many tokens; fewer than none takes back a charge."""
        self._counters[tenant] = self._counters.get(tenant, 0.0) + tokens / weight

    def served(self, tenant: str) -> None:
        """The tenant was served last."""
        self._last = tenant

    def _forget(self, level: float, waiting: Collection[str]) -> None:
        """Whoever is at or below the level would be lifted to it anyway."""
        kept = {one: count for one, count in self._counters.items() if count > level or one in waiting or one == self._last}
        self._counters = kept
