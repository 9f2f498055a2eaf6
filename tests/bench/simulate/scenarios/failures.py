"""Backends that fail: all of them often, one of them for a while, one that comes and goes."""

from __future__ import annotations

from collections import Counter
from random import Random

from bench.simulate.call import Call, Outcome
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Lines
from bench.simulate.proxy import Proxy, round_robin
from bench.simulate.router import Router
from bench.simulate.workload import arrivals, exponential

ENGINES, SLOTS, SPEED, MEAN_TOKENS, RATE = 4, 16, 1000.0, 100, 100.0
TIMEOUT_SECONDS = 30.0
FAILING = 0.6
DEAD_AT, DEAD_UNTIL = 20.0, 60.0
HANGS_SECONDS = 0.5
"""A dead backend's calls fail after so long: many can be on it before the first is known to fail."""


class Faulty:
    """One run: four engines, of which the first is the faulty one."""

    def __init__(self, policy: str, *, seed: int = 1) -> None:
        self.clock = Clock()
        self.engines = [
            Engine(self.clock, Random(f"{seed} {one}"), f"engine-{one}", slots=SLOTS, speed=SPEED) for one in range(ENGINES)
        ]
        retries = 3 if policy == "retries" else 0
        self.router: Router | Proxy = (
            Router(self.clock, self.engines, Random(seed))
            if policy == "thinmesh"
            else Proxy(self.clock, self.engines, Random(seed), round_robin(), retries=retries, breakers=policy == "breakers")
        )
        self.random = Random(seed)
        self.calls: list[Call] = []

    def run(self, seconds: float) -> None:
        """Calls for so long."""
        self.calls = arrivals(self.clock, self.random, RATE, self._call, self.router.submit, seconds)
        self.clock.run(seconds + TIMEOUT_SECONDS)

    @property
    def answered(self) -> float:
        """The share of the callers' calls."""
        return sum(call.outcome is Outcome.ANSWERED for call in self.calls) / len(self.calls)

    @property
    def amplification(self) -> float:
        """Calls that engines got, for each of a caller's."""
        return self.router.upstream / len(self.calls)

    def _call(self, now: float) -> Call:
        return Call(now, output=exponential(self.random, MEAN_TOKENS), timeout=TIMEOUT_SECONDS, stream=False)


def random_failures(scale: float) -> Result:
    """Most calls fail everywhere."""
    seconds = 60 * scale
    kinds = {
        "thinmesh": "thinmesh",
        "three retries": "retries",
        "breakers: 5 in a row, 30 s": "breakers",
        "neither": "none",
    }
    rows = [["", "answered", "engines' calls per caller's"]]
    runs = {}
    for name, policy in kinds.items():
        run = runs[name] = Faulty(policy)
        for engine in run.engines:
            engine.failing = FAILING
        run.run(seconds)
        rows.append([name, f"{run.answered * 100:.1f} %", f"{run.amplification:.2f}"])
    rows.append(["peers' breakers, measured", "6 %", ""])
    ours = runs["thinmesh"]
    return Result(
        "Most calls fail, on all backends",
        f"{ENGINES} backends each fail {FAILING * 100:.0f} % of their calls by chance, {RATE:.0f} calls a second. Breakers that"
        " count to five shut all that still works; retries without a budget are the load.",
        [
            at_least("answered", ours.answered * 100, 35, " %", 1),
            at_most("engines' calls per caller's", ours.amplification, 1.25),
        ],
        rows,
        {},
    )


class Ill(Faulty):
    """One run with a first engine that is dead at times; counts what comes to it."""

    def __init__(self, policy: str) -> None:
        super().__init__(policy)
        self.faulty = self.engines[0]
        self.faulty.fails_after = HANGS_SECONDS
        self.faulty.got = lambda run: self._got()
        self.by_second: Counter[int] = Counter()
        self.in_vain: list[float] = []
        """When the calls came that failed there."""
        self.at_once = 0
        """The most that were on it at once while it was dead and known to be."""

    def dead(self, start: float, end: float) -> None:
        """Fails all of its calls for a time."""
        self.clock.at(start, lambda: setattr(self.faulty, "failing", 1.0))
        self.clock.at(end, lambda: setattr(self.faulty, "failing", 0.0))

    def _got(self) -> None:
        now = self.clock.now
        self.by_second[int(now)] += 1
        if self.faulty.failing:
            self.in_vain.append(now)
            if now > self.in_vain[0] + 2 * HANGS_SECONDS:
                self.at_once = max(self.at_once, self.faulty.doomed + 1)


def dead_for_a_while(scale: float) -> Result:
    """One of four is dead, and comes back."""
    seconds = DEAD_UNTIL + 60
    fair_share = RATE / ENGINES
    runs = {}
    rows = [
        ["", "callers' calls that failed", "calls in vain", "of these probes", "probes at once", "in the first second back"]
    ]
    for name, policy in (("thinmesh", "thinmesh"), ("breakers: 5 in a row, 30 s", "breakers"), ("neither", "none")):
        run = runs[name] = Ill(policy)
        run.dead(DEAD_AT, DEAD_UNTIL)
        run.run(seconds)
        failed = sum(call.outcome is not Outcome.ANSWERED for call in run.calls)
        probes = sum(when > DEAD_AT + 2 * HANGS_SECONDS for when in run.in_vain)
        rows.append([name, str(failed), str(len(run.in_vain)), str(probes), str(run.at_once), str(_first_back(run))])
    rows.append(["peers, measured", "", "", "", "3 and 5", ""])
    ours = runs["thinmesh"]
    full = sum(ours.by_second[second] for second in range(int(seconds) - 10, int(seconds))) / 10
    return Result(
        "A backend that is dead for a while",
        f"One of {ENGINES} backends fails all its calls for {DEAD_UNTIL - DEAD_AT:.0f} s, each after {HANGS_SECONDS:g} s; {RATE:.0f} calls a second,"
        f" so its share is {fair_share:.0f}.",
        [
            at_most("callers' calls that failed", float(rows[1][1] or 0), 0, digits=0),
            at_most("probes at once", ours.at_once, 1, digits=0),
            at_most("calls in its first second back, of its share", _first_back(ours) / fair_share * 100, 50, " %", 0),
            at_least("calls at the end, of its share", full / fair_share * 100, 80, " %", 0),
        ],
        rows,
        {
            "dead-backend": Lines(
                "Calls that come to the backend, each second",
                "seconds",
                "calls",
                {name: [(float(one), float(run.by_second[one])) for one in range(int(seconds))] for name, run in runs.items()},
                {"its share": fair_share},
                shade=(DEAD_AT, DEAD_UNTIL, "dead"),
            )
        },
    )


def flapping(scale: float) -> Result:
    """One of four is up and down."""
    seconds = DEAD_AT + 60 * max(scale, 0.5)
    rows = [["", "callers' calls that failed", "calls in vain, first half", "second half"]]
    halves = {}
    middle = (DEAD_AT + seconds) / 2
    for name, policy in (("thinmesh", "thinmesh"), ("breakers: 5 in a row, 30 s", "breakers"), ("neither", "none")):
        run = Ill(policy)
        for second in range(int(DEAD_AT), int(seconds), 2):
            run.dead(second, second + 1)
        run.run(seconds)
        first = sum(when < middle for when in run.in_vain)
        failed = sum(call.outcome is not Outcome.ANSWERED for call in run.calls)
        halves[name] = (failed / len(run.calls), first, len(run.in_vain) - first)
        rows.append([name, str(failed), str(first), str(len(run.in_vain) - first)])
    failed_share, first, second = halves["thinmesh"]
    return Result(
        "A backend that is up and down",
        f"One of {ENGINES} is dead every other second, for {seconds - DEAD_AT:g} s: each ejection lasts longer, and who is back"
        " gets few calls at first.",
        [
            at_most("callers' calls that failed", failed_share * 100, 0.1, " %"),
            at_most(
                "calls in vain, of those without breakers", (first + second) / sum(halves["neither"][1:]) * 100, 15, " %", 0
            ),
            at_most("calls in vain in the second half, of the first", second / first * 100, 75, " %", 0),
        ],
        rows,
        {},
    )


def _first_back(run: Ill) -> int:
    """Calls in the first second in which more than a probe came."""
    return next((run.by_second[one] for one in range(int(DEAD_UNTIL), int(DEAD_UNTIL) + 60) if run.by_second[one] > 1), 0)
