"""Which of several backends: one that is slow, and prompts that begin alike."""

from __future__ import annotations

from collections import Counter
from random import Random

from bench.simulate.call import Call
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.outcome import Result, at_least, at_most
from bench.simulate.plot import Bars
from bench.simulate.proxy import Pick, Proxy, better_of_two, by_key, least_outstanding, round_robin
from bench.simulate.router import Router
from bench.simulate.workload import arrivals, chat_input, chat_output, exponential, percentile

ENGINES = 8
WARM_SECONDS = 20.0
LOOK_SECONDS = 0.5


class Slow:
    """One run of short calls; the first engine takes ten times as long, unless it is left out."""

    SLOTS, SPEED, MEAN_TOKENS, RATE, SLOWER = 8, 1000.0, 100, 200.0, 10.0

    def __init__(self, seconds: float, pick: Pick | None, *, healthy: bool = False, seed: int = 1) -> None:
        clock, random = Clock(), Random(seed)
        engines = [Engine(clock, Random(seed), str(one), slots=self.SLOTS, speed=self.SPEED) for one in range(ENGINES)]
        engines[0].slow = self.SLOWER
        used = engines[1:] if healthy else engines
        router = Router(clock, used, Random(seed)) if pick is None else Proxy(clock, used, Random(seed), pick)
        calls = arrivals(
            clock,
            random,
            self.RATE,
            lambda now: Call(now, output=exponential(random, self.MEAN_TOKENS), stream=False),
            router.submit,
            seconds,
        )
        clock.run(seconds + 60)
        self._calls = [call for call in calls if call.arrived >= WARM_SECONDS]

    def took(self, share: float) -> float:
        """The percentile of the answers' times, in seconds; infinite where so many had none a minute after the end."""
        return percentile([call.took for call in self._calls], share)

    @property
    def share(self) -> float:
        """What the slow one got of the calls."""
        return sum(call.backend == "0" for call in self._calls) / len(self._calls)


def slow_backend(scale: float) -> Result:
    """One of eight is ten times slower."""
    seconds = WARM_SECONDS + 160 * scale
    runs = {
        "thinmesh": Slow(seconds, None),
        "least outstanding": Slow(seconds, least_outstanding),
        "better of two": Slow(seconds, better_of_two),
        "round robin": Slow(seconds, round_robin()),
        "the seven others alone": Slow(seconds, None, healthy=True),
    }
    rows = [["", "p50", "p99", "p99.9", "calls to the slow one"]]
    for name, run in runs.items():
        times = [run.took(share) for share in (0.5, 0.99, 0.999)]
        shown = ["never" if one == float("inf") else f"{one * 1000:.0f} ms" for one in times]
        rows.append([name, *shown, f"{run.share * 100:.2f} %" if "alone" not in name else "-"])
    ours = runs["thinmesh"]
    return Result(
        "One backend of eight is ten times slower",
        f"{ENGINES} backends of {Slow.SLOTS} slots, {Slow.RATE:.0f} calls a second that take 100 ms on average, exponentially"
        " distributed. The slow one answers all its calls, only late.",
        [
            at_most("p99", ours.took(0.99) * 1000, 495, " ms", 0),
            at_most("p99, of that of the others alone", ours.took(0.99) / runs["the seven others alone"].took(0.99), 2.0),
            at_most("calls to the slow one", ours.share * 100, 2.0 if scale < 1 else 0.4, " %"),
        ],
        rows,
        {
            "slow-backend": Bars(
                "p99 of all calls while one backend of eight is ten times slower",
                "seconds",
                ["p99"],
                {name: [run.took(0.99)] for name, run in runs.items() if run.took(0.99) < float("inf")},
            )
        },
    )


class Prefixed:
    """One run of long prompts of which many begin alike; each engine keeps some of the beginnings in its cache."""

    SLOTS, SPEED, PREFILL, RATE = 16, 50.0, 4000.0, 45.0
    PREFIXES, PREFIX_TOKENS, CACHED = 96, 2000, 16

    def __init__(self, seconds: float, pick: Pick | None, *, affinity: bool = True, seed: int = 1) -> None:
        clock = Clock()
        engines = [
            Engine(clock, Random(seed), f"engine-{one}", slots=self.SLOTS, speed=self.SPEED, prefill=self.PREFILL)
            for one in range(ENGINES)
        ]
        for engine in engines:
            engine.cached_prefixes = self.CACHED
        router = (
            Router(clock, engines, Random(seed), affinity=affinity)
            if pick is None
            else Proxy(clock, engines, Random(seed), pick)
        )
        random = Random(seed)
        popular = [1 / (rank + 1) ** 0.9 for rank in range(self.PREFIXES)]

        def make(now: float) -> Call:
            key = str(random.choices(range(self.PREFIXES), popular)[0]).encode()
            output = chat_output(random) // 2 + 1
            return Call(now, self.PREFIX_TOKENS + chat_input(random), output, key=key, prefix=self.PREFIX_TOKENS)

        loads: Counter[str] = Counter()
        clock.every(LOOK_SECONDS, lambda: loads.update({one.name: one.outstanding for one in engines}))
        calls = arrivals(clock, random, self.RATE, make, router.submit, seconds)
        clock.run(seconds)
        self.hits = sum(one.hits for one in engines) / len(calls)
        self.busiest = max(loads.values()) / (sum(loads.values()) / ENGINES)
        clock.run(seconds + 120)
        self._firsts = [call.first_after for call in calls if call.arrived >= WARM_SECONDS]

    def first_after(self, share: float) -> float:
        """The percentile of the times to the first token, in seconds."""
        return percentile(self._firsts, share)


def prefixes(scale: float) -> Result:
    """Affinity beside balance."""
    seconds = WARM_SECONDS + 160 * scale
    runs = {
        "affinity with a bound": Prefixed(seconds, None),
        "no affinity": Prefixed(seconds, None, affinity=False),
        "affinity without a bound": Prefixed(seconds, by_key),
        "least outstanding": Prefixed(seconds, least_outstanding),
    }
    rows = [["", "beginnings found in a cache", "busiest, of the mean", "first token p50", "first token p99"]]
    for name, run in runs.items():
        times = [f"{run.first_after(share):.2f} s" for share in (0.5, 0.99)]
        rows.append([name, f"{run.hits * 100:.0f} %", f"{run.busiest:.2f}", *times])
    ours, even = runs["affinity with a bound"], runs["no affinity"]
    return Result(
        "Prompts that begin alike",
        f"{ENGINES} engines, {Prefixed.RATE:.0f} calls a second; a prompt begins with one of {Prefixed.PREFIXES} texts of"
        f" {Prefixed.PREFIX_TOKENS} tokens, some far more popular than others, and an engine keeps {Prefixed.CACHED} of them.",
        [
            at_least("beginnings found, beside no affinity", ours.hits / even.hits, 1.5),
            at_most("busiest backend, of the mean load", ours.busiest, 1.3),
            at_most("first token p50, of that without affinity", ours.first_after(0.5) / even.first_after(0.5), 0.5),
            at_most("first token p99, of that without affinity", ours.first_after(0.99) / even.first_after(0.99), 1.0),
        ],
        rows,
        {
            "prefix-affinity": Bars(
                "Time to the first token, p50 and p99 (logarithmic)",
                "seconds",
                ["p50", "p99"],
                {name: [run.first_after(0.5), run.first_after(0.99)] for name, run in runs.items()},
                logarithmic=True,
            )
        },
    )
