"""A loop that was blocked is told for a while."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import REGISTRY

from thinmesh_core import lag
from thinmesh_core.lag import Lag


async def test_a_blocked_loop_is_a_problem_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(lag, "ALARM_SECONDS", 0.2)
    monkeypatch.setattr(lag, "REMEMBER_SECONDS", 0.05)
    looking = Lag()
    following = asyncio.create_task(looking.follow())
    await asyncio.sleep(0.05)
    assert looking.problems() == []
    time.sleep(0.3)  # noqa: ASYNC251  # what must not be done
    async with asyncio.timeout(5):
        while not looking.problems():
            await asyncio.sleep(0)
        assert (REGISTRY.get_sample_value("thinmesh_event_loop_lag_seconds") or 0) >= 0.2
        assert looking.problems()[0].startswith("the event loop was blocked for 0.")
        while looking.problems():
            await asyncio.sleep(0.01)
    following.cancel()
