"""The same key to the same backend, while that is not busier than the others. Pure.

Rendezvous hashing (Thaler and Ravishankar, 1998) moves only the keys of a backend that comes or goes; the bound on its load
is that of Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import ceil, log

BUSIER = 1.25
"""A backend takes the calls of its keys up to so many times the average load."""


def preferred(key: bytes, names: Sequence[str], weights: Sequence[float], loads: Sequence[int]) -> int:
    """The index of the backend for the key: the first in the key's own order that is not too busy."""
    most = ceil(BUSIER * (sum(loads) + 1) / len(names))
    order = sorted(range(len(names)), key=lambda index: _rank(key, names[index], weights[index]))
    return next((index for index in order if loads[index] < most), order[0])


def _rank(key: bytes, name: str, weight: float) -> float:
    """Lower comes first; a backend of twice the weight comes first for twice as many keys."""
    point = int.from_bytes(hashlib.blake2b(key + name.encode(), digest_size=8).digest(), "big")
    return -log((point + 1) / (1 << 64)) / weight
