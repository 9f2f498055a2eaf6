"""Which of several backends gets a call: the better of two drawn by weight. Pure.

Power of two choices: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001; on latency times what is
outstanding, as Finagle and Linkerd do.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

CACHE_FULL = 0.9
"""From this share of its KV cache in use on, an engine will soon have to make its calls wait."""

LEAST_SECONDS = 1e-4
"""Answers quicker than this are equally quick."""


class Candidate(NamedTuple):
    """A backend as the balancer sees it.

    `weight` is its share beside the others, `latency` its smoothed answer time in seconds (None: not known), `outstanding`
    the calls that run or wait there, `cache` the share of its KV cache in use (None: not known).
    """

    weight: float
    latency: float | None
    outstanding: int
    cache: float | None = None


def choose(candidates: Sequence[Candidate], random: Random) -> int:
    """The index of the chosen candidate; of equals the first drawn wins, so that an idle mesh keeps its weights.

    Each is made of as many equal parts as its weight is of the lightest's, and two different parts are drawn: of equals never
    the same one twice, which would send a slow one its calls unseen; of a canary and its elder mostly the elder twice.
    """
    if len(candidates) == 1:
        return 0
    weights = [one.weight for one in candidates]
    first = _draw(weights, random)
    weights[first] -= min(weights)
    second = _draw(weights, random)
    if first == second:
        return first
    usual = min((one.latency for one in candidates if one.latency is not None), default=1.0)
    return second if _score(candidates[second], usual) < _score(candidates[first], usual) else first


def _draw(weights: Sequence[float], random: Random) -> int:
    point = random.random() * sum(weights)
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return len(weights) - 1


def _score(one: Candidate, usual: float) -> float:
    """Lower is better; who never answered is taken to be as quick as the quickest."""
    latency = max(usual if one.latency is None else one.latency, LEAST_SECONDS)
    crowded = 1.0 if one.cache is None or one.cache < CACHE_FULL else 1.0 + 10.0 * (one.cache - CACHE_FULL)
    return latency * (one.outstanding + 1) * crowded
