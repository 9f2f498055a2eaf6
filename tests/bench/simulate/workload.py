"""Who calls when, and with how many tokens; open loop: callers come by their schedule, whatever becomes of earlier calls."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, exp, log
from random import Random

from bench.simulate.call import Call
from bench.simulate.clock import Clock

Submit = Callable[[Call], None]
Make = Callable[[float], Call]

INPUT_MEDIAN, OUTPUT_MEDIAN = 160, 135
SIGMA = 0.8
"""A lognormal with this spread: 220 tokens in and 190 out on average, about as people's chats are (ShareGPT)."""

MOST_TOKENS = 1024


def arrivals(
    clock: Clock, random: Random, rate: float, make: Make, submit: Submit, until: float, start: float = 0.0
) -> list[Call]:
    """Calls of a Poisson process, `rate` a second; the list fills as they come."""
    calls: list[Call] = []

    def come() -> None:
        call = make(clock.now)
        calls.append(call)
        submit(call)
        plan(clock.now)

    def plan(after: float) -> None:
        when = after + random.expovariate(rate)
        if when < until:
            clock.at(when, come)

    plan(start)
    return calls


def chat_input(random: Random) -> int:
    """Tokens of a prompt."""
    return _lognormal(random, INPUT_MEDIAN)


def chat_output(random: Random) -> int:
    """Tokens of an answer."""
    return _lognormal(random, OUTPUT_MEDIAN)


def mean_tokens(median: int) -> float:
    """The mean of a length with this median."""
    return median * exp(SIGMA**2 / 2)


def exponential(random: Random, mean: float) -> int:
    """A length that is exponentially distributed, in tokens."""
    return max(ceil(random.expovariate(1 / mean)), 1)


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them is not above; infinite where there are none."""
    ordered = sorted(values)
    return ordered[min(ceil(share * len(ordered)), len(ordered)) - 1] if ordered else float("inf")


def _lognormal(random: Random, median: int) -> int:
    return min(max(round(exp(random.gauss(log(median), SIGMA))), 1), MOST_TOKENS)
