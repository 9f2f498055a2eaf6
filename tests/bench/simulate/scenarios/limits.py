"""Engines that can do less than they declare, and two routers that share one."""

from __future__ import annotations

from functools import partial
from random import Random

from bench.simulate.call import Call, Outcome
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Lines
from bench.simulate.router import Router
from bench.simulate.workload import Make, arrivals, exponential

SPEED, MEAN_TOKENS = 100.0, 100
"""A call takes a second on average."""

DECLARED = 64
OVERLOAD = 1.5
TIMEOUT_SECONDS = 60.0


class Refusing:
    """One engine that in each phase can do another number of calls at once, and refuses those above; one router or more."""

    def __init__(self, capacities: list[int], phase: int, *, routers: int = 1, seed: int = 1) -> None:
        clock = Clock()
        self._clock = clock
        self.engine = Engine(clock, Random(seed), speed=SPEED)
        self.engine.got = lambda run: self._got()
        self.refused = self.runs = 0
        self.routers = [Router(clock, [self.engine], Random(f"{seed} {one}"), declared=DECLARED) for one in range(routers)]
        self.allowed: list[list[int]] = []
        """What each router allows, each second."""
        for number, capacity in enumerate(capacities):
            clock.at(number * phase, partial(self._becomes, capacity))
        self.calls: list[list[Call]] = []
        for number, router in enumerate(self.routers):
            random = Random(f"{seed} calls {number}")
            rate = OVERLOAD * max(capacities) / routers * SPEED / MEAN_TOKENS
            self.calls.append(arrivals(clock, random, rate, _short(random), router.submit, phase * len(capacities)))
        clock.every(1.0, lambda: self.allowed.append([one.backends[0].limit.allowed for one in self.routers]))
        clock.run(phase * len(capacities) + 1)

    def work(self, start: float, end: float, router: int | None = None) -> float:
        """Slots that made answers between two seconds, on average."""
        several = self.calls if router is None else [self.calls[router]]
        return sum(
            call.output / SPEED / (end - start)
            for calls in several
            for call in calls
            if call.outcome is Outcome.ANSWERED and call.over is not None and start <= call.over < end
        )

    def _becomes(self, capacity: int) -> None:
        self.engine.slots = self.engine.accepts = capacity

    def _got(self) -> None:
        self.runs += 1
        self.refused += self.engine.outstanding >= self.engine.accepts


def adaptive(scale: float) -> Result:
    """The limit finds what an engine can do."""
    phase = 60
    capacities = [24, 12, 48]
    run = Refusing(capacities, phase)
    rows = [["", "can do", "limit, mean", "lowest", "highest", "slots that made answers"]]
    furthest, least_used = 0.0, 1.0
    for number, capacity in enumerate(capacities):
        start, end = number * phase + phase // 2, (number + 1) * phase
        seen = [allowed[0] for allowed in run.allowed[start:end]]
        mean, used = sum(seen) / len(seen), run.work(start, end)
        furthest, least_used = max(furthest, abs(mean / capacity - 1)), min(least_used, used / capacity)
        rows.append([f"phase {number + 1}", str(capacity), f"{mean:.1f}", str(min(seen)), str(max(seen)), f"{used:.1f}"])
    two = Refusing([24], 2 * phase, routers=2)
    shares = [two.work(phase / 2, 2 * phase, router) for router in (0, 1)]
    means = [sum(allowed[one] for allowed in two.allowed[phase // 2 :]) / len(two.allowed[phase // 2 :]) for one in (0, 1)]
    for number in (0, 1):
        seen = [allowed[number] for allowed in two.allowed[phase // 2 :]]
        ends = (str(min(seen)), str(max(seen)))
        rows.append([f"router {number + 1} of two", "24 in all", f"{means[number]:.1f}", *ends, f"{shares[number]:.1f}"])
    return Result(
        "An engine that can do less than it declares",
        f"An engine declares {DECLARED} calls at once, and can do 24, then 12, then 48, each for {phase} s; it refuses those"
        " above. Then two routers share one that can do 24. A call that is refused goes back to the head of its queue.",
        [
            at_most("mean limit, off what it can do", furthest * 100, 20, " %", 0),
            at_least("slots that made answers, of those there are", least_used * 100, 80, " %", 0),
            at_most("calls that the engine refused, of all it got", run.refused / run.runs * 100, 10, " %", 1),
            at_most("two routers: the larger share, of the smaller", max(shares) / min(shares), 1.5),
            at_least("two routers: slots that made answers", sum(shares) / 24 * 100, 80, " %", 0),
        ],
        rows,
        {
            "adaptive-limit": Lines(
                "What the router lets run at once, and what the engine can do",
                "seconds",
                "calls",
                {
                    "limit": [(float(second), float(allowed[0])) for second, allowed in enumerate(run.allowed)],
                    "can do": [
                        (float(second), float(capacity))
                        for number, capacity in enumerate(capacities)
                        for second in (number * phase, (number + 1) * phase)
                    ],
                },
            )
        },
    )


def _short(random: Random) -> Make:
    return lambda now: Call(now, output=exponential(random, MEAN_TOKENS), timeout=TIMEOUT_SECONDS, stream=False)
