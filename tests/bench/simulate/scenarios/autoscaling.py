"""Replicas that follow bursts: by the router's own policy, by how busy they are, or not at all."""

from __future__ import annotations

from collections import deque
from math import ceil
from random import Random
from typing import NamedTuple

from bench.simulate.call import Call
from bench.simulate.clock import Clock
from bench.simulate.fleet import START_SECONDS, SYNC_SECONDS, Fleet, Wanted
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Lines, Point
from bench.simulate.workload import Make, arrivals, chat_input, chat_output
from thinmesh_router.autoscaling.config import AutoscaleConfig, AutoscaleTarget
from thinmesh_router.autoscaling.policy import Figures, Policy

SLOTS, SPEED, PREFILL = 8, 50.0, 5000.0
MOST = 8
"""Replicas that there may be."""

PHASES = ((600, 0.4), (60, 2.0), (60, 5.0), (240, 8.0), (840, 0.0))
"""Seconds, and calls a second: a murmur, a burst that four replicas can just do, and nothing."""

CYCLE_SECONDS = sum(seconds for seconds, _ in PHASES)
CYCLES = 4
PROMPT_SECONDS = 5.0
"""A call that has an engine by then is served as it should be."""

COOL_DOWN_SECONDS = 120.0
STABILISATION_SECONDS = 300.0
TOLERANCE = 0.1
"""The cool-down of Kubernetes' own autoscaler where nobody sets another, and what it takes for nothing."""

USUAL = f"busyness, {STABILISATION_SECONDS:g} s"


class Run(NamedTuple):
    """What became of a fleet: replica-hours, the share of calls that had an engine in time, and replicas each second."""

    hours: float
    prompt: float
    replicas: list[int]
    unanswered: int


def thinmesh(target: AutoscaleTarget, minimum: int = 1) -> Wanted:
    """The router's own policy."""
    config = AutoscaleConfig(
        target=target, minimum=minimum, cool_down_seconds=COOL_DOWN_SECONDS, idle_seconds=COOL_DOWN_SECONDS
    )
    policy = Policy(config, MOST)
    return lambda figures, now: policy.decide(figures, now).wanted


def busyness(target: float, cool_down: float = COOL_DOWN_SECONDS) -> Wanted:
    """Kubernetes' own autoscaler on how busy replicas are, as on a processor's or a GPU's use: it knows of no queue."""
    busy: deque[float] = deque(maxlen=round(SYNC_SECONDS))
    asked: deque[int] = deque([1], maxlen=round(cool_down))

    def wanted(figures: Figures, now: float) -> int:
        there = max(figures.replicas, 1)
        busy.append(min(figures.running / (there * SLOTS), 1.0))
        if round(now) % SYNC_SECONDS:
            asked.append(asked[-1])
            return max(asked)
        ratio = sum(busy) / len(busy) / target
        asked.append(there if abs(ratio - 1) <= TOLERANCE else min(max(ceil(there * ratio), 1), MOST))
        return max(asked)

    return wanted


def run(wanted: Wanted, cycles: int, begin: int = 1) -> Run:
    """The same calls for every fleet."""
    clock, random = Clock(), Random(7)
    fleet = Fleet(clock, wanted, begin=begin, slots=SLOTS, speed=SPEED, prefill=PREFILL, seed=7)
    calls: list[list[Call]] = []
    start = 0.0
    for seconds, rate in PHASES * cycles:
        if rate:
            calls.append(arrivals(clock, random, rate, _call(random), fleet.submit, start + seconds, start))
        start += seconds
    clock.run(start)
    made = [call for several in calls for call in several]
    prompt = sum(call.waited <= PROMPT_SECONDS for call in made) / len(made)
    return Run(fleet.seconds / 3600, prompt * 100, fleet.seen, sum(call.began is None for call in made))


def bursts(scale: float) -> Result:
    """Bursts, a murmur and idleness."""
    cycles = max(round(CYCLES * scale), 1)
    families = _families(cycles, whole=scale >= 1)
    ours, idle, busy = (families[name] for name in ("utilisation", "utilisation, none when idle", "busyness"))
    good, fixed = ours["40%"], families["fixed"]["4"]
    rows = [["replicas by", "target", "replica-hours", f"calls begun within {PROMPT_SECONDS:g} s", "calls never begun"]]
    for family, runs in families.items():
        for target, one in runs.items():
            rows.append([family, target, f"{one.hours:.2f}", f"{one.prompt:.1f} %", str(one.unanswered)])
    phases = ", ".join(f"{seconds} s of {rate:g}" for seconds, rate in PHASES)
    return Result(
        "Replicas that follow bursts",
        f"{cycles} times {phases} calls a second. A replica takes {SLOTS} calls at once, writes {SPEED:g} tokens/s in each, and takes"
        f" calls {START_SECONDS:g} s after it is asked for; replicas are set every {SYNC_SECONDS:g} s, {MOST} at most, the first at once."
        " `utilisation` and `queue wait` are the router's policy. `busyness` is Kubernetes' own autoscaler on how busy replicas are,"
        " as on a processor's or a GPU's use: never more than wholly, however many wait. `fixed` is a fleet of so many. Fewer are"
        f" wanted after {COOL_DOWN_SECONDS:g} s, or the {STABILISATION_SECONDS:g} s that are usual there. A replica counts from when"
        " it is asked for until its last call has ended.",
        [
            at_least("calls in time, by utilisation of 70 %", ours["70%"].prompt, 90, " %", 1),
            at_least("the same with none when idle", idle["70%"].prompt, 85, " %", 1),
            at_least("calls in time, by utilisation of 40 %", good.prompt, 99, " %", 1),
            at_most("its replica-hours, of those by busyness of 20 %", good.hours / busy["20%"].hours * 100, 100, " %", 0),
            at_most("its replica-hours, of a fixed fleet's of four", good.hours / fixed.hours * 100, 95, " %", 0),
        ],
        rows,
        {
            "autoscaling": Lines(
                f"Calls begun within {PROMPT_SECONDS:g} s against replica-hours, by target",
                "replica-hours",
                "% of calls",
                {
                    family: sorted((one.hours, one.prompt) for one in runs.values())
                    for family, runs in families.items()
                    if family != USUAL
                },
            ),
            "autoscaling-replicas": Lines(
                "Replicas over the first half hour, by targets of 70 %",
                "seconds",
                "replicas",
                {
                    "utilisation": _steps(ours["70%"].replicas),
                    "none when idle": _steps(idle["70%"].replicas),
                    "busyness": _steps(busy["70%"].replicas),
                },
            ),
        },
    )


def _families(cycles: int, *, whole: bool) -> dict[str, dict[str, Run]]:
    """Every way to scale, each with several targets, so that what it costs can be seen against what it gives."""
    shares = (0.2, 0.3, 0.4, 0.5, 0.7, 0.9) if whole else (0.2, 0.4, 0.7)
    waits = (1.0, 2.0, 5.0, 10.0) if whole else (2.0,)
    sizes = (1, 2, 3, 4, 5, 6) if whole else (4,)

    def utilisation(share: float, minimum: int) -> Run:
        return run(thinmesh(AutoscaleTarget(utilisation=share), minimum), cycles, begin=minimum)

    return {
        "utilisation": {f"{one:.0%}": utilisation(one, 1) for one in shares},
        "utilisation, none when idle": {f"{one:.0%}": utilisation(one, 0) for one in shares},
        "queue wait": {f"{one:g} s": run(thinmesh(AutoscaleTarget(queue_wait_seconds=one)), cycles) for one in waits},
        "busyness": {f"{one:.0%}": run(busyness(one), cycles) for one in shares},
        USUAL: {f"{one:.0%}": run(busyness(one, STABILISATION_SECONDS), cycles) for one in shares},
        "fixed": {str(one): run(_fixed(one), cycles, begin=one) for one in sizes},
    }


def _fixed(count: int) -> Wanted:
    return lambda figures, now: count


def _call(random: Random) -> Make:
    return lambda now: Call(now, chat_input(random), chat_output(random))


def _steps(replicas: list[int]) -> list[Point]:
    """The first cycle as steps."""
    points: list[Point] = []
    for second, count in enumerate(replicas[:CYCLE_SECONDS]):
        if not points or count != points[-1][1] or second == CYCLE_SECONDS - 1:
            points += [(float(second), points[-1][1])] if points else []
            points.append((float(second), float(count)))
    return points
