"""Engines that are slow for a while, and callers who do not wait: does the mesh come back by itself?"""

from __future__ import annotations

from math import inf
from random import Random

from bench.simulate.call import Call, Outcome
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Lines
from bench.simulate.proxy import Proxy, better_of_two
from bench.simulate.router import Router
from bench.simulate.workload import arrivals

ENGINES, SPEED, RATE = 10, 1000.0, 80.0
SLOW_AT, SLOW_UNTIL, SLOW = 20.0, 30.0, 3.0
PATIENCE, RETRIES = 1.0, 3
POSSIBLE = ENGINES * SPEED / 100 / SLOW / RATE
"""The share of the calls that the engines can do while they are slow."""


class Storm:
    """One run: `policy` is thinmesh, none (no retries) or naive (three), `callers` try so often again themselves."""

    def __init__(self, policy: str, seconds: float, *, seed: int, callers: int = 0) -> None:
        self.clock = clock = Clock()
        engines = [Engine(clock, Random(seed), str(one), speed=SPEED) for one in range(ENGINES)]
        for engine in engines:
            engine.aborts = False
        clock.at(SLOW_AT, lambda: _slow(engines, SLOW))
        clock.at(SLOW_UNTIL, lambda: _slow(engines, 1.0))
        self.random = Random(seed)
        retries = RETRIES if policy == "naive" else 0
        self.router: Router | Proxy = (
            Router(clock, engines, Random(seed))
            if policy == "thinmesh"
            else Proxy(clock, engines, Random(seed), better_of_two, retries=retries, patience=PATIENCE)
        )
        self._callers = callers
        self._seconds = seconds
        self.good = [0] * int(seconds + 1)
        self.calls = arrivals(clock, self.random, RATE, lambda now: self._call(now, 0), self.router.submit, seconds)
        clock.run(seconds + 20)

    def goodput(self, start: float, end: float) -> float:
        """Answers of each second, beside the calls of that time."""
        called = sum(start <= call.arrived < end for call in self.calls)
        return sum(self.good[int(start) : int(end)]) / called

    def back_after(self) -> float:
        """Seconds from the end of the slow time until, for five seconds, 95 % of the calls are answered, 90 % of each second's."""
        for second in range(int(SLOW_UNTIL), int(self._seconds) - 5):
            each = all(self.goodput(one, one + 1) >= 0.9 for one in range(second, second + 5))
            if each and self.goodput(second, second + 5) >= 0.95:
                return second - SLOW_UNTIL
        return inf

    @property
    def amplification(self) -> float:
        """Calls that engines got, for each of a caller's."""
        return self.router.upstream / len(self.calls)

    def _call(self, now: float, tries: int) -> Call:
        timeout = PATIENCE if isinstance(self.router, Router) else inf
        return Call(
            now, output=self.random.randint(80, 120), timeout=timeout, stream=False, ended=lambda call: self._ended(call, tries)
        )

    def _ended(self, call: Call, tries: int) -> None:
        if call.outcome is Outcome.ANSWERED:
            if self.clock.now < self._seconds:
                self.good[int(self.clock.now)] += 1
        elif tries < self._callers:
            pause = 0.5 * 2**tries * self.random.uniform(0.75, 1.0)  # as OpenAI's SDKs do
            self.clock.after(pause, lambda: self.router.submit(self._call(self.clock.now, tries + 1)))


def storm(scale: float) -> Result:
    """Three times slower for ten seconds at 80 % load."""
    seconds = 40 + 50 * scale
    kinds = {
        "thinmesh": ("thinmesh", 0),
        "thinmesh, and callers try three times more": ("thinmesh", RETRIES),
        "no retries": ("none", 0),
        "three retries, no budget": ("naive", 0),
    }
    seeds = range(1, 4) if scale >= 1 else range(1, 2)
    runs = {
        name: [Storm(policy, seconds, seed=seed, callers=callers) for seed in seeds]
        for name, (policy, callers) in kinds.items()
    }
    rows = [["", "goodput while slow", "goodput after 10 s more", "engines' calls per caller's", "back after, s"]]
    for name, several in runs.items():
        during, after, amplification = (
            _mean([measure(run) for run in several])
            for measure in (_during, lambda run: run.goodput(SLOW_UNTIL + 10, seconds), lambda run: run.amplification)
        )
        back = ", ".join("never" if run.back_after() == inf else f"{run.back_after():.0f}" for run in several)
        rows.append([name, f"{during:.2f}", f"{after:.2f}", f"{amplification:.2f}", back])
    ours = runs["thinmesh"] + runs["thinmesh, and callers try three times more"]
    return Result(
        "Retry storm",
        f"{ENGINES} engines that take 100 ms, 80 calls a second, three times slower for 10 s; callers leave after"
        f" {PATIENCE:g} s, and the engines finish such calls in vain. While slow they can do {POSSIBLE:.2f} of the calls. One"
        f" figure of each of {len(seeds)} seeds, or their mean.",
        [
            at_least(
                "goodput while slow, of what is possible", min(map(_during, runs["thinmesh"])) / POSSIBLE * 100, 90, " %", 0
            ),
            at_most("engines' calls per caller's", max(run.amplification for run in ours), 1.2),
            at_most("back after the slow time", max(run.back_after() for run in ours), 10, " s", 0),
        ],
        rows,
        {
            "retry-storm": Lines(
                "Answers in time, each second",
                "seconds",
                "calls",
                {
                    name: [(float(second), float(good)) for second, good in enumerate(runs[kind][0].good[: int(seconds)])]
                    for name, kind in (("thinmesh", "thinmesh"), ("three retries, no budget", "three retries, no budget"))
                }
                | {
                    "no retries": [(float(s), float(good)) for s, good in enumerate(runs["no retries"][0].good[: int(seconds)])]
                },
                shade=(SLOW_AT, SLOW_UNTIL, "slow"),
            )
        },
    )


def _during(run: Storm) -> float:
    return run.goodput(SLOW_AT, SLOW_UNTIL)


def _slow(engines: list[Engine], times: float) -> None:
    for engine in engines:
        engine.slow = times


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
