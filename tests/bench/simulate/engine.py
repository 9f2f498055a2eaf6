"""A simulated engine: slots, a first-in first-out queue of its own, prefill and decoding by tokens, faults by the clock."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from math import inf
from random import Random

from bench.simulate.call import Call
from bench.simulate.clock import Clock

REFUSAL_SECONDS = 0.001
"""How long it takes to hear that a backend is full, or fails."""

STEP_TOKENS = 32
"""A stream's tokens are told in steps of so many, as tickets charge them."""


class Run:
    """One call on one engine. `failed` and `full` are told instead of an end."""

    __slots__ = ("call", "engine", "failed", "first", "full", "left", "made", "succeeded")

    def __init__(self, call: Call, engine: Engine) -> None:
        self.call = call
        self.engine = engine
        self.left = False
        """Whether whoever waited for it has gone."""
        self.first: Callable[[Run], None]
        self.made: Callable[[Run, int], None]
        self.succeeded: Callable[[Run], None]
        self.failed: Callable[[Run], None]
        self.full: Callable[[Run], None]


class Engine:
    """Decodes `speed` tokens a second in each slot; `slow` multiplies all times, `failing` is the share of runs that fail.

    `accepts` is how many runs the adapter lets in before it says that it is full; those above the slots wait.
    """

    def __init__(
        self, clock: Clock, random: Random, name: str = "engine", *, slots: int = 1, speed: float = 50, prefill: float = inf
    ) -> None:
        self.name = name
        self.slots = slots
        self.speed = speed
        self.prefill = prefill
        self.slow = 1.0
        self.failing = 0.0
        self.fails_after = REFUSAL_SECONDS
        self.accepts = inf
        self.aborts = True
        """Whether a run whose caller has gone frees its slot at once; else it is done in vain."""
        self.cached_prefixes = 0
        """How many prefixes the cache holds."""
        self.hits = 0
        self.doomed = 0
        """Runs that will fail."""
        self.got: Callable[[Run], None] = lambda run: None
        """Told of every run that comes."""
        self.running: set[Run] = set()
        self._clock = clock
        self._random = random
        self._waiting: deque[Run] = deque()
        self._cache: OrderedDict[bytes, None] = OrderedDict()

    def start(self, run: Run) -> None:
        """Begins it, or puts it behind the others."""
        self.got(run)
        if self.outstanding >= self.accepts:
            self._clock.after(REFUSAL_SECONDS, lambda: None if run.left else run.full(run))
        elif self.failing and self._random.random() < self.failing:
            self.doomed += 1
            self._clock.after(self.fails_after, lambda: self._fail(run))
        elif len(self.running) < self.slots:
            self._begin(run)
        else:
            self._waiting.append(run)

    def leave(self, run: Run) -> None:
        """Whoever waited for it has gone."""
        run.left = True
        if self.aborts:
            if run in self.running:
                self._free(run)
            elif run in self._waiting:
                self._waiting.remove(run)

    @property
    def outstanding(self) -> int:
        """Runs that are on it."""
        return len(self.running) + len(self._waiting) + self.doomed

    def _begin(self, run: Run) -> None:
        self.running.add(run)
        call, clock = run.call, self._clock
        fresh = call.input - (call.prefix if self._hit(call) else 0)
        prefill = fresh / self.prefill * self.slow
        token = self.slow / self.speed
        if call.stream:
            clock.after(prefill + token, lambda: self._tell_first(run))
            for step in range(STEP_TOKENS, call.output, STEP_TOKENS):
                clock.after(prefill + step * token, lambda: None if run.left else run.made(run, STEP_TOKENS))
        clock.after(prefill + call.output * token, lambda: self._end(run))

    def _tell_first(self, run: Run) -> None:
        if not run.left:
            run.first(run)

    def _end(self, run: Run) -> None:
        if run not in self.running:
            return
        if not run.left:
            if not run.call.stream:
                run.first(run)
            run.succeeded(run)
        self._free(run)

    def _fail(self, run: Run) -> None:
        self.doomed -= 1
        if not run.left:
            run.failed(run)

    def _free(self, run: Run) -> None:
        self.running.discard(run)
        while self._waiting and len(self.running) < self.slots:
            self._begin(self._waiting.popleft())

    def _hit(self, call: Call) -> bool:
        """Whether the beginning is in the cache; it is afterwards, the least recently used one gone for it."""
        if call.key is None or not self.cached_prefixes:
            return False
        hit = call.key in self._cache
        self._cache[call.key] = None
        self._cache.move_to_end(call.key)
        if len(self._cache) > self.cached_prefixes:
            self._cache.popitem(last=False)
        self.hits += hit
        return hit
