"""Twice as many calls as can be done, of all three classes."""

from __future__ import annotations

from math import inf
from random import Random

from bench.simulate.call import Call, Outcome
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Bars
from bench.simulate.proxy import Proxy, least_outstanding
from bench.simulate.router import Router
from bench.simulate.scenarios.tenants import CALL_SECONDS, DRAIN_SECONDS, PREFILL, SPEED
from bench.simulate.workload import Make, arrivals, chat_input, chat_output, percentile
from thinmesh_core.priority import Priority

ENGINES, SLOTS = 4, 8
OVERLOAD = 2.0
MIX = {Priority.CRITICAL: 0.3, Priority.STANDARD: 0.5, Priority.BATCH: 0.2}
SLO_SECONDS = {Priority.CRITICAL: 2.0, Priority.STANDARD: 40.0, Priority.BATCH: 60.0}
"""Within so long the first token is there, or the call was not served as it should be."""

TIMEOUT_SECONDS = 60.0


class Mixed:
    """One run of the mix; figures are of its last three quarters."""

    def __init__(self, seconds: float, *, ours: bool, seed: int = 1) -> None:
        clock = Clock()
        engines = [Engine(clock, Random(seed), str(one), slots=SLOTS, speed=SPEED, prefill=PREFILL) for one in range(ENGINES)]
        self.router: Router | Proxy = (
            Router(clock, engines, Random(seed))
            if ours
            else Proxy(clock, engines, Random(seed), least_outstanding, patience=TIMEOUT_SECONDS)
        )
        self.calls: dict[Priority, list[Call]] = {}
        rate = OVERLOAD * ENGINES * SLOTS / CALL_SECONDS
        for priority, share in MIX.items():
            random = Random(f"{seed} {priority}")
            make = _calls_of(priority, random)
            self.calls[priority] = arrivals(clock, random, rate * share, make, self.router.submit, seconds)
        self._start, self._end = seconds / 4, seconds
        clock.run(seconds + DRAIN_SECONDS)

    def attainment(self, priority: Priority) -> float:
        """The share of the class's calls that had their first token in time, and then their answer."""
        calls = [call for call in self.calls[priority] if call.arrived >= self._start]
        return sum(call.first_after <= SLO_SECONDS[priority] and call.outcome is Outcome.ANSWERED for call in calls) / len(
            calls
        )

    def off(self, priority: Priority) -> list[float]:
        """How far off the estimated waits were, as shares of what they were, of calls that waited and were served."""
        return [
            abs(call.expected - call.waited) / call.waited
            for call in self.calls[priority]
            if call.arrived >= self._start and call.expected is not None and 1.0 < call.waited < inf
        ]

    def goodput(self) -> float:
        """Slot-seconds that made answers, beside those that there are."""
        return sum(map(self._work, MIX)) / (ENGINES * SLOTS * (self._end - self._start))

    def share(self, priority: Priority) -> float:
        """What the class had of all that was answered."""
        return self._work(priority) / sum(map(self._work, MIX))

    def in_vain(self) -> float:
        """The share of calls that waited until their time was over."""
        calls = [call for several in self.calls.values() for call in several]
        return sum(call.outcome is Outcome.EXPIRED for call in calls) / len(calls)

    def _work(self, priority: Priority) -> float:
        """Slot-seconds."""
        return sum(
            max(min(call.over, self._end) - max(call.over - call.input / PREFILL - call.output / SPEED, self._start), 0.0)
            for call in self.calls[priority]
            if call.outcome is Outcome.ANSWERED and call.over is not None
        )


def mixed(scale: float) -> Result:
    """Minutes of it: the queue has to fill first."""
    seconds = 240 * max(scale, 0.5)
    ours, plain = Mixed(seconds, ours=True), Mixed(seconds, ours=False)
    assert isinstance(ours.router, Router)
    others = [Mixed(seconds, ours=True, seed=seed) for seed in (2, 3, 4, 5)]
    off = [error for run in (ours, *others) for error in run.off(Priority.STANDARD)]
    rows = [["", "thinmesh", "first in, first out", "peers, measured"]]
    peers = {Priority.CRITICAL: "0.12 (SMG, nginx), 0.26 (LiteLLM), 0.49 (vllm-router)"}
    for priority in Priority:
        attained = [f"{run.attainment(priority):.3f}" for run in (ours, plain)]
        rows.append([f"{priority.name}: first token within {SLO_SECONDS[priority]:g} s", *attained, peers.get(priority, "")])
    rows += [
        ["goodput, of capacity", *(f"{run.goodput():.3f}" for run in (ours, plain)), ""],
        ["BATCH's share of it", *(f"{run.share(Priority.BATCH):.3f}" for run in (ours, plain)), ""],
        ["waited in vain, of all calls", *(f"{run.in_vain():.3f}" for run in (ours, plain)), ""],
    ]
    return Result(
        "Twice the capacity, of all classes",
        f"{ENGINES} engines of {SLOTS} slots get twice what they can do for {seconds:g} s: 30 % CRITICAL, 50 % STANDARD, 20 %"
        f" BATCH, all with a deadline of {TIMEOUT_SECONDS:g} s. Whoever would wait for more than 30 s is refused at once.",
        [
            at_least("CRITICAL calls in time", ours.attainment(Priority.CRITICAL) * 100, 99, " %", 1),
            at_least("goodput, of capacity", ours.goodput() * 100, 90, " %", 1),
            at_least("BATCH's share of what is served", ours.share(Priority.BATCH) * 100, 4.5, " %", 1),
            at_most("estimated waits of STANDARD calls, off by (p50 of 5 seeds)", percentile(off, 0.5) * 100, 25, " %", 0),
            at_most("calls that waited at once", ours.router.longest, ours.router.config.max_waiting, digits=0),
        ],
        rows,
        {
            "overload": Bars(
                "Calls with their first token in time, at twice the capacity",
                "share",
                ["thinmesh", "first in, first out"],
                {
                    f"{priority.name} ({SLO_SECONDS[priority]:g} s)": [run.attainment(priority) for run in (ours, plain)]
                    for priority in Priority
                },
            )
        },
    )


def _calls_of(priority: Priority, random: Random) -> Make:
    return lambda now: Call(now, chat_input(random), chat_output(random), priority.word, priority, timeout=TIMEOUT_SECONDS)
