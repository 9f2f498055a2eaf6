"""One tenant's tokens a minute, and many streams at once that all want more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

from bench.simulate.clock import Clock
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.workload import chat_input, chat_output, percentile
from thinmesh_core.cost import Cost
from thinmesh_core.errors import MeshError
from thinmesh_router.quota.meters import MINUTE, Moment, SlidingMinute
from thinmesh_router.quota.plan import Measure, Metered, Plan, Subject
from thinmesh_router.quota.reservation import SLICE, Reservation

LIMIT = 10_000
STREAMS = 200
TOKEN_SECONDS = 0.02

A = TypeVar("A")


class Counted(SlidingMinute):
    """Remembers what it granted and got back, second by second."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.granted: Counter[int] = Counter()
        self.most = 0
        """The most that it had granted in any minute, at any time."""

    def take(self, amount: int, at: Moment) -> int | None:
        """As the meter does."""
        stamp = super().take(amount, at)
        if stamp is not None:
            self.granted[stamp] += amount
            self.most = max(self.most, sum(self.granted[second] for second in range(stamp - MINUTE, stamp + 1)))
        return stamp

    def give(self, amount: int, stamp: int) -> None:
        """As the meter does."""
        super().give(amount, stamp)
        self.granted[stamp] -= amount


class Streams:
    """Callers that each make one stream after the other, and come again when they are told to."""

    def __init__(self, seconds: float, *, seed: int = 1) -> None:
        self.clock = Clock()
        self.random = Random(seed)
        self.meter = Counted(LIMIT)
        subject = Subject("tenant", None, None, Measure.TOKENS)
        self.plan = Plan((), (Metered(subject, self.meter),), (), (), (), (0, 0))
        self.used = 0
        self.ends: Counter[str] = Counter()
        self.pauses: list[float] = []
        for _ in range(STREAMS):
            self.clock.after(self.random.random(), self._ask)
        self.clock.run(seconds)

    def _ask(self) -> None:
        call = Cost(chat_input(self.random), chat_output(self.random))
        reservation = Reservation(self.plan, call, lambda: Moment(self.clock.now, self.clock.now), None)
        try:
            _now(reservation.open(min(SLICE, call.output)))
        except MeshError as refusal:
            self.ends["refused"] += 1
            pause = (refusal.retry_after or 0.0) * self.random.uniform(1.0, 1.25)
            self.pauses.append(pause)
            self.clock.after(pause, self._ask)
            return
        self._stream(reservation, call, 0)

    def _stream(self, reservation: Reservation, call: Cost, made: int) -> None:
        """As many tokens as are covered; then more are asked for."""
        more = min(reservation.covered, call.output) - made
        self.clock.after(more * TOKEN_SECONDS, lambda: self._look(reservation, call, made + more))

    def _look(self, reservation: Reservation, call: Cost, made: int) -> None:
        reservation.spend(made)
        if made < call.output:
            reservation.spend(made + 1)
            if _now(reservation.extend()):
                self._stream(reservation, call, made)
                return
        reservation.settle(call.input, made)
        self.used += call.input + made
        self.ends["whole" if made == call.output else "cut"] += 1
        self.clock.after(self.random.expovariate(1.0), self._ask)


def minute(scale: float) -> Result:
    """Ten thousand a minute."""
    seconds = 120 + 600 * scale
    run = Streams(seconds)
    used = run.used / (LIMIT * seconds / MINUTE)
    rows = [
        ["", "in all"],
        ["calls answered whole", str(run.ends["whole"])],
        ["ended early with `length`", str(run.ends["cut"])],
        ["refused, with the time to come again", str(run.ends["refused"])],
        ["that time, p50", f"{percentile(run.pauses, 0.5):.1f} s"],
        ["tokens used", f"{run.used} of {LIMIT * seconds / MINUTE:.0f}"],
    ]
    return Result(
        "A tenant's tokens a minute",
        f"{STREAMS} callers of one tenant with {LIMIT} tokens a minute make one stream after the other for {seconds:.0f} s, and"
        f" come again when a refusal tells them to. Streams reserve {SLICE} tokens at a time, and give back what they did not use.",
        [
            at_most("granted in any minute, beyond the limit", max(run.meter.most - LIMIT, 0), 0, digits=0),
            at_least("tokens used, of the limit", used * 100, 95, " %", 1),
        ],
        rows,
        {},
    )


def _now(work: Coroutine[Any, Any, A]) -> A:
    """What a coroutine gives that waits for nothing: without a store elsewhere a reservation does not."""
    try:
        work.send(None)
    except StopIteration as done:
        result: A = done.value
        return result
    raise AssertionError("it waited")
