"""The same key to the same backend, while that is not busier or slower than the others. Pure.

Rendezvous hashing (Thaler and Ravishankar, 1998) moves only the keys of a backend that comes or goes; the bound on its load
is that of Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import ceil, inf, log

from thinmesh_router.balancer import LEAST_SECONDS, Candidate

BUSIER = 1.25
"""A backend takes the calls of its keys up to so many times the average load."""

SLOWER = 3.0
"""From so many times the usual answer time on, a backend counts as busier by as much: less is the difference of prompts."""


def preferred(key: bytes, names: Sequence[str], candidates: Sequence[Candidate]) -> int:
    """The index of the backend for the key: the first in the key's own order that is not too busy."""
    most = ceil(BUSIER * (sum([one.outstanding for one in candidates]) + 1) / len(names))
    loads = _loads(candidates)
    order = sorted(range(len(names)), key=lambda index: _rank(key, names[index], candidates[index].weight))
    return next((index for index in order if loads[index] < most), min(order, key=loads.__getitem__))


def _loads(candidates: Sequence[Candidate]) -> list[float]:
    """What each has to do, counted in the others' calls."""
    known = sorted([one.latency for one in candidates if one.latency is not None])
    usual = max(known[(len(known) - 1) // 2], LEAST_SECONDS) if known else inf
    return [
        one.outstanding
        if one.latency is None or one.latency < SLOWER * usual
        else (one.outstanding + 1) * one.latency / usual - 1
        for one in candidates
    ]


def _rank(key: bytes, name: str, weight: float) -> float:
    """Lower comes first; a backend of twice the weight comes first for twice as many keys."""
    point = int.from_bytes(hashlib.blake2b(key + name.encode(), digest_size=8).digest(), "big")
    return -log((point + 1) / (1 << 64)) / weight
