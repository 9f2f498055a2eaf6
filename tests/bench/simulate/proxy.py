"""What is usual instead: calls go to an engine at once and wait there, first in first out; failures are tried again or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from zlib import crc32

from bench.simulate.call import Call, Outcome
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine, Run

Pick = Callable[[Sequence[Engine], Random, Call], int]


def round_robin() -> Pick:
    """Each in turn."""
    turn = -1

    def pick(engines: Sequence[Engine], random: Random, call: Call) -> int:
        nonlocal turn
        turn = (turn + 1) % len(engines)
        return turn

    return pick


def least_outstanding(engines: Sequence[Engine], random: Random, call: Call) -> int:
    """The one with the fewest calls; of equals one by chance."""
    fewest = min(one.outstanding for one in engines)
    return random.choice([index for index, one in enumerate(engines) if one.outstanding == fewest])


def better_of_two(engines: Sequence[Engine], random: Random, call: Call) -> int:
    """Of two drawn by chance the one with fewer calls."""
    first, second = random.sample(range(len(engines)), 2)
    return second if engines[second].outstanding < engines[first].outstanding else first


def by_key(engines: Sequence[Engine], random: Random, call: Call) -> int:
    """The one that the call's key hashes to, however busy it is."""
    return crc32(call.key or b"") % len(engines)


class PlainBreaker:
    """Shut for `seconds` after so many failures in a row, whatever the others do; then all calls are let in again."""

    def __init__(self, failures: int = 5, seconds: float = 30.0) -> None:
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._until = 0.0

    def passes(self, now: float) -> bool:
        """Whether calls go there."""
        return now >= self._until

    def ended(self, now: float, *, failed: bool) -> None:
        """A call went this way or that."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= self._most:
            self._until = now + self._seconds


class Proxy:
    """Sends each call on at once. `retries` more tries after a failure, or after `patience` seconds without an answer."""

    def __init__(
        self,
        clock: Clock,
        engines: Sequence[Engine],
        random: Random,
        pick: Pick,
        *,
        retries: int = 0,
        patience: float | None = None,
        breakers: bool = False,
    ) -> None:
        self.engines = engines
        self.upstream = 0
        self.charged: Callable[[Call, int], None] = lambda call, tokens: None
        self._breakers = {one.name: PlainBreaker() for one in engines} if breakers else {}
        self._clock = clock
        self._random = random
        self._pick = pick
        self._retries = retries
        self._patience = patience

    def submit(self, call: Call) -> None:
        """A caller's call, or another try of it."""
        now = self._clock.now
        passing = [one for one in self.engines if one.name not in self._breakers or self._breakers[one.name].passes(now)]
        if not passing:
            call.end(Outcome.REFUSED, now)
            return
        engine = passing[self._pick(passing, self._random, call)]
        self.upstream += 1
        call.tries += 1
        call.backend = engine.name
        run = Run(call, engine)
        run.first, run.made, run.succeeded, run.failed, run.full = (
            self._first, self._made, self._succeeded, self._failed, self._failed
        )  # fmt: skip
        if self._patience is not None:
            self._clock.after(self._patience, lambda: self._late(run))
        engine.start(run)

    def _first(self, run: Run) -> None:
        call = run.call
        call.first = self._clock.now
        call.began = call.first - (1 / run.engine.speed if call.stream else 0.0)
        self.charged(call, call.input)

    def _made(self, run: Run, tokens: int) -> None:
        run.call.made += tokens
        self.charged(run.call, tokens)

    def _succeeded(self, run: Run) -> None:
        run.left = True
        self._made(run, run.call.output - run.call.made)
        self._tell(run, failed=False)
        run.call.end(Outcome.ANSWERED, self._clock.now)

    def _failed(self, run: Run) -> None:
        run.left = True
        self._tell(run, failed=True)
        self._again(run.call, Outcome.FAILED)

    def _late(self, run: Run) -> None:
        if not run.left:
            run.engine.leave(run)
            self._again(run.call, Outcome.EXPIRED)

    def _again(self, call: Call, outcome: Outcome) -> None:
        if call.tries <= self._retries:
            self.submit(call)
        else:
            call.end(outcome, self._clock.now)

    def _tell(self, run: Run, *, failed: bool) -> None:
        if run.engine.name in self._breakers:
            self._breakers[run.engine.name].ended(self._clock.now, failed=failed)
