"""Replicas that come and go behind the simulated router, as whoever scales them says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import inf
from random import Random

from bench.simulate.call import Call
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.router import Backend, Router
from thinmesh_router.autoscaling.policy import Figures
from thinmesh_router.breaker import Breaker, FailureRate
from thinmesh_router.config import QueueConfig

Wanted = Callable[[Figures, float], int]
"""How many replicas there should be; asked every second."""

START_SECONDS = 60.0
"""From when a replica is wanted until it takes calls."""

SYNC_SECONDS = 15.0
"""How often replicas are set to what is wanted, as Kubernetes does it; the first one is started at once."""

PATIENCE_SECONDS = 120.0


class Fleet:
    """A router whose replicas are set to what `wanted` says, beginning with `begin`."""

    def __init__(
        self, clock: Clock, wanted: Wanted, *, begin: int, slots: int, speed: float, prefill: float, seed: int
    ) -> None:
        self._clock = clock
        self._wanted = wanted
        self._slots, self._speed, self._prefill = slots, speed, prefill
        self._random = Random(f"{seed} fleet")
        self._failures = FailureRate()
        self._names = count()
        self._asked = begin
        self._starting = 0
        self._called = -inf
        self._leaving: list[Backend] = []
        self.router = Router(
            clock, [self._engine() for _ in range(begin)], Random(seed), config=QueueConfig(wait_seconds=PATIENCE_SECONDS)
        )
        self.seconds = 0.0
        """Of all replicas, from when each was wanted until its last call was over."""
        self.seen: list[int] = []
        """Replicas that there are, each second."""
        clock.every(1.0, self._tick)
        clock.every(SYNC_SECONDS, self._set)

    def submit(self, call: Call) -> None:
        """A caller's call arrives."""
        self._called = self._clock.now
        self.router.submit(call)
        if not self.router.backends and not self._starting:
            self._decide()
            self._set()

    def _tick(self) -> None:
        self._leaving = [one for one in self._leaving if one.limit.running]
        there = len(self.router.backends) + self._starting + len(self._leaving)
        self.seconds += there
        self.seen.append(there)
        self._decide()

    def _decide(self) -> None:
        now, router = self._clock.now, self.router
        self._asked = self._wanted(
            Figures(
                replicas=len(router.backends),
                running=sum(one.limit.running for one in (*router.backends, *self._leaving)),
                waiting=router.queue.calls,
                slots=self._slots,
                wait=router.queue.longest(now),
                idle=now - self._called,
            ),
            now,
        )

    def _set(self) -> None:
        router = self.router
        while self._asked > len(router.backends) + self._starting:
            self._starting += 1
            self._clock.after(START_SECONDS, self._join)
        while self._asked < len(router.backends):
            self._leaving.append(router.backends.pop())

    def _join(self) -> None:
        """One is ready; it is stopped at once where it is not wanted any more."""
        self._starting -= 1
        if self._asked > len(self.router.backends):
            engine = self._engine()
            self.router.backends.append(Backend(engine, self._slots, Breaker(self._random, self._failures)))
            self.router.dispatch()

    def _engine(self) -> Engine:
        name = f"replica-{next(self._names)}"
        return Engine(self._clock, self._random, name, slots=self._slots, speed=self._speed, prefill=self._prefill)
