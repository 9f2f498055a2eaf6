"""How many replicas a model should have now, and why. Pure.

More at once, fewer only after a cool-down in which no more were asked for, as Kubernetes' own autoscaler stabilises.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf
from typing import NamedTuple

from thinmesh_router.autoscaling.config import AutoscaleConfig

EXACT = 1e-9
"""So little above a whole number of replicas is the arithmetic's, not the load's."""


class Figures(NamedTuple):
    """A model's load. `slots` is how many calls a replica takes at once (None: none has said), `wait` how long calls wait.

    `idle` is how long ago the last call came, whoever answered it; `others` is how many other routers' figures are in these,
    `partial` whether some are missing.
    """

    replicas: int
    running: int
    waiting: int
    slots: float | None
    wait: float
    idle: float = inf
    others: int = 0
    partial: bool = False


class Decision(NamedTuple):
    """How many replicas are wanted, and a line for each thing that had a part in it."""

    wanted: int
    why: tuple[str, ...]


class Policy:
    """One model's replicas over time. `maximum` is what `config` leaves out: the number of its backends."""

    def __init__(self, config: AutoscaleConfig, maximum: int) -> None:
        self._config = config
        self._maximum = config.maximum or maximum
        self._began: float | None = None
        self._busy = -inf
        self._wanted = 0
        self._known = 0
        """The most replicas that were wanted or there."""
        self._asked: deque[tuple[float, int]] = deque()
        """What was asked for lately, each less than the one before it: the first is the highest."""

    def decide(self, figures: Figures, now: float) -> Decision:
        """What is wanted now; told in the order of time, `now` in seconds."""
        config = self._config
        if self._began is None:
            self._began = now
        young = now - self._began < config.cool_down_seconds
        found = figures.replicas if young and figures.replicas > self._known else 0
        self._known = max(self._known, figures.replicas)
        used = figures.running or figures.waiting or found
        self._busy = now if used else max(self._busy, now - figures.idle)
        asked, why = self._ask(figures)
        if found > asked:
            asked = found
            why.append(f"{found} run since before this router began: kept for a cool-down")
        idle = now - self._busy
        held = self._wanted if figures.partial else 0
        if config.minimum == 0 and idle >= config.idle_seconds and not held:
            self._asked.clear()
            self._wanted = 0
            return Decision(0, (*why, f"no call for {config.idle_seconds:g} s, and `minimum` is 0"))
        least = max(config.minimum, 1)
        bounded = min(max(asked, least), self._maximum)
        if bounded > asked:
            kept = f"{max(config.idle_seconds - idle, 0):.0f} s without a call before it is 0"
            why.append(f"at least {least}: " + ("`minimum`" if config.minimum else kept))
        elif bounded < asked:
            why.append(f"at most {bounded}: `maximum`, or the number of backends")
        wanted = self._highest(bounded, now)
        if wanted > bounded:
            left = self._asked[0][0] + config.cool_down_seconds - now
            why.append(f"{wanted} for {left:.0f} s yet: `cool_down_seconds` after {wanted} were asked for")
        if held > wanted:
            wanted = held
            why.append(f"no fewer than {wanted} while other routers' figures are missing")
        self._wanted = wanted
        self._known = max(self._known, wanted)
        return Decision(wanted, tuple(why))

    def _ask(self, figures: Figures) -> tuple[int, list[str]]:
        """What the targets ask for, whatever the bounds."""
        calls = figures.running + figures.waiting
        load = f"calls: {figures.running} run, {figures.waiting} wait; replicas that take calls: {figures.replicas}"
        if figures.slots is None or figures.slots <= 0:
            return min(calls, 1), [load, "how many calls a replica takes is not known before the first is up"]
        asked, why = 0, [f"{load}, {figures.slots:g} at once each"]
        target = self._config.target
        if target.utilisation is not None:
            asked = _whole(calls / (figures.slots * target.utilisation))
            why.append(f"{asked} keep utilisation at {target.utilisation:.0%}")
        if target.queue_wait_seconds is not None:
            served = _served(figures, figures.slots, target.queue_wait_seconds)
            why.append(f"{served} keep the wait, {figures.wait:.1f} s now, at {target.queue_wait_seconds:g} s")
            asked = max(asked, served)
        return asked, why

    def _highest(self, asked: int, now: float) -> int:
        """The most that was asked for within the cool-down."""
        while self._asked and self._asked[-1][1] <= asked:
            self._asked.pop()
        self._asked.append((now, asked))
        while now - self._asked[0][0] > self._config.cool_down_seconds:
            self._asked.popleft()
        return self._asked[0][1]


def _served(figures: Figures, slots: float, seconds: float) -> int:
    """What runs stays as it is, and what waits is begun within so long: so many times more begin it so many times sooner.

    Never more than run all at once; just as many where none runs yet, which says nothing of how fast that would be.
    """
    kept = _whole(figures.running / slots)
    at_once = _whole((figures.running + figures.waiting) / slots)
    if not figures.waiting:
        return kept
    sooner = _whole(figures.replicas * figures.wait / seconds) if figures.replicas else at_once
    return min(max(kept, sooner), at_once)


def _whole(replicas: float) -> int:
    return ceil(replicas - EXACT)
