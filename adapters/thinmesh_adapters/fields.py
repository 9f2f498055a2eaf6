"""An engine's numbers in the contract's fields, which hold fewer."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = (1 << 32) - 1
"""What a count may be."""

_MOST_FLOAT = 3.4028234663852886e38


def count(number: float) -> int:
    """The count that is nearest to a number."""
    return int(min(max(number, 0), MOST))


def fits(values: Sequence[float]) -> bool:
    """Whether all are numbers that a float of 32 bits holds; not for none at all."""
    return bool(values) and math.isfinite(sum(values)) and min(values) >= -_MOST_FLOAT and max(values) <= _MOST_FLOAT
