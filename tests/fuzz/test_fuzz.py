"""Every target for a moment; with FUZZ_SECONDS set, for so long altogether, each time with other examples: `make fuzz`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from fuzz import privacy, targets
from hypothesis import HealthCheck, settings

TARGETS = [*targets.TARGETS, *privacy.TARGETS]
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
ROUND = settings(
    max_examples=150 if SECONDS == 0 else 1000,
    derandomize=SECONDS == 0,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_an_error_of_ours_is_the_worst(target: Callable[[], None]) -> None:
    run = ROUND(target)
    until = time.monotonic() + SECONDS / len(TARGETS)
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        run()
        rounds += 1
    print(f"{target.__name__}: {rounds * ROUND.max_examples} examples")
