"""The router on simulated time: its own queue, balancer, breakers, limits and budget, put together as its admission does.

What is here repeats the order of `Queues`, `Placement` and `Attempt`, which wait on an event loop; every decision is made by
the classes that the router runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from bench.simulate.admitted import Admitted
from bench.simulate.call import Call
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from thinmesh_router.affinity import preferred
from thinmesh_router.balancer import Candidate, choose
from thinmesh_router.breaker import Breaker, FailureRate, usable
from thinmesh_router.config import QueueConfig
from thinmesh_router.fair_queue import FairQueue
from thinmesh_router.latency import Latency
from thinmesh_router.limits import Limit
from thinmesh_router.line import Entry
from thinmesh_router.retry_budget import RetryBudget


class Backend:
    """An engine as the router sees it. `declared` is how many runs its adapter says it takes."""

    def __init__(self, engine: Engine, declared: int, breaker: Breaker) -> None:
        self.engine = engine
        self.breaker = breaker
        self.limit = Limit(declared)
        self.latency = Latency()
        self.full_until = 0.0

    def has_room(self, now: float) -> bool:
        """Whether one more call may go there."""
        return self.limit.free and now >= self.full_until

    def candidate(self, now: float) -> Candidate:
        """It as the balancer sees it."""
        return Candidate(self.breaker.share(now), self.latency.at(now), self.limit.running)


class Router:
    """One router in front of engines that each declare as many runs as they have slots, or `declared`."""

    def __init__(
        self,
        clock: Clock,
        engines: Sequence[Engine],
        random: Random,
        *,
        config: QueueConfig | None = None,
        declared: int | None = None,
        affinity: bool = True,
    ) -> None:
        self.config = config or QueueConfig()
        self.queue: FairQueue[Call] = FairQueue(
            max_calls=self.config.max_waiting,
            max_tokens=self.config.max_waiting_tokens,
            minimum_share=self.config.minimum_share,
        )
        rate = FailureRate()
        self.backends = [Backend(one, declared or one.slots, Breaker(random, rate)) for one in engines]
        self.budget = RetryBudget()
        self.upstream = 0
        self._affinity = affinity
        self.longest = 0
        """The most calls that ever waited."""
        self.charged: Callable[[Call, int], None] = lambda call, tokens: None
        self.clock = clock
        self._random = random

    def submit(self, call: Call) -> None:
        """A caller's call arrives."""
        now = self.clock.now
        self.budget.call(now)
        entry = Entry(call, call.priority, call.tenant, call.weight, call.input, call.input + call.reserve, now, call.deadline)
        Admitted(self, entry).place()

    def dispatch(self) -> None:
        """Serves the queue while backends have room."""
        while self.queue.calls and self._serve():
            pass

    def _serve(self) -> bool:
        now = self.clock.now
        denied: set[frozenset[str]] = set()
        for entry in self.queue.heads(now):
            tried = frozenset(entry.item.tried)
            if tried in denied:
                continue
            backend = self.grant(entry.item, now)
            if backend is not None:
                self.queue.take(entry, now)
                Admitted(self, entry).go(backend)
                return True
            denied.add(tried)
        if not self.backends:
            self.queue.stalls()
        return False

    def able(self, call: Call) -> list[Backend]:
        """Those that have not had it."""
        return [one for one in self.backends if one.engine.name not in call.tried]

    def grant(self, call: Call, now: float) -> Backend | None:
        """A place, its slot taken."""
        able = self.able(call)
        allowed = usable([one.breaker for one in able], now) if able else []
        free = [able[index] for index in allowed if able[index].has_room(now)]
        if not free:
            return None
        chosen = free[self._best(free, call, now)]
        chosen.limit.acquire()
        return chosen

    def _best(self, free: list[Backend], call: Call, now: float) -> int:
        if len(free) == 1 or free[0].breaker.allows_probe(now):
            return 0
        candidates = [one.candidate(now) for one in free]
        if self._affinity and call.key is not None:
            return preferred(call.key, [one.engine.name for one in free], candidates)
        return choose(candidates, self._random)
