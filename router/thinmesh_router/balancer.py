"""Which of several backends gets a call: the less loaded of two drawn by weight. Pure.

Power of two choices: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple


class Candidate(NamedTuple):
    """A backend as the balancer sees it: its share by weight, and its load from 0 (idle) to 1 (full) and beyond."""

    weight: float
    load: float


def choose(candidates: Sequence[Candidate], random: Random) -> int:
    """The index of the chosen candidate; of equal loads the first drawn wins, so that an idle mesh keeps its weights."""
    if len(candidates) == 1:
        return 0
    weights = [one.weight for one in candidates]
    first, second = random.choices(range(len(candidates)), weights, k=2)
    return second if candidates[second].load < candidates[first].load else first
