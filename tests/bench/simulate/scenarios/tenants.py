"""An engine and tenants that share it, behind the router or behind a plain proxy: what each was served and when."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import NamedTuple

from bench.simulate.call import Call
from bench.simulate.clock import Clock
from bench.simulate.engine import Engine
from bench.simulate.proxy import Proxy, round_robin
from bench.simulate.router import Router
from bench.simulate.workload import (
    INPUT_MEDIAN,
    OUTPUT_MEDIAN,
    Make,
    arrivals,
    chat_input,
    chat_output,
    mean_tokens,
    percentile,
)

SPEED, PREFILL = 50.0, 5000.0
"""Tokens a second: written in one slot, read."""

CALL_SECONDS = mean_tokens(OUTPUT_MEDIAN) / SPEED + mean_tokens(INPUT_MEDIAN) / PREFILL
"""How long a call takes on average, once an engine has it."""

DRAIN_SECONDS = 600
"""So long after the last call all have ended."""


class Tenant(NamedTuple):
    """`rate` is in calls a second."""

    name: str
    rate: float
    weight: float = 1.0


class Shared:
    """One run. `tokens` holds what each tenant was served by the end of each second."""

    def __init__(self, tenants: list[Tenant], seconds: float, *, seed: int, slots: int = 32, fair: bool = True) -> None:
        clock = Clock()
        self.engine = Engine(clock, Random(seed), slots=slots, speed=SPEED, prefill=PREFILL)
        self.router: Router | Proxy = (
            Router(clock, [self.engine], Random(seed)) if fair else Proxy(clock, [self.engine], Random(seed), round_robin())
        )
        self.tokens: list[Counter[str]] = []
        self.served: Counter[str] = Counter({one.name: 0 for one in tenants})
        self.router.charged = self._charged
        self.most_running = 0
        self.calls: dict[str, list[Call]] = {}
        for one in tenants:
            random = Random(f"{seed} {one.name}")
            make = _calls_of(one, random)
            self.calls[one.name] = arrivals(clock, random, one.rate, make, self.router.submit, seconds)
        for second in range(1, int(seconds) + 1):
            clock.at(second, lambda: self.tokens.append(self.served.copy()))
        clock.run(seconds + DRAIN_SECONDS)

    def wait(self, tenant: str, share: float) -> float:
        """The percentile of its calls' waits for an engine, in seconds."""
        return percentile([call.waited for call in self.calls[tenant] if call.began is not None], share)

    def between(self, tenant: str, start: int, end: int = -1) -> int:
        """Tokens that it was served between two seconds."""
        return self.tokens[end][tenant] - self.tokens[start][tenant]

    def _charged(self, call: Call, tokens: int) -> None:
        self.served[call.tenant] += tokens
        if not call.made:  # it has just begun
            self.most_running = max(self.most_running, sum(run.call.input + run.call.output for run in self.engine.running))


def _calls_of(tenant: Tenant, random: Random) -> Make:
    return lambda now: Call(now, chat_input(random), chat_output(random), tenant.name, weight=tenant.weight)
