"""Whether the event loop keeps up: while something blocks it, every call of the process waits."""

from __future__ import annotations

import asyncio
import logging

from thinmesh_core.telemetry import LOOP_LAG

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""How often the loop is looked at; what blocks it for less is seen only in part."""

ALARM_SECONDS = 1.0
"""A loop that was blocked for longer has a bug in it, or a machine that is too small."""

REMEMBER_SECONDS = 5.0
"""How long a blocked loop counts as a reason to send calls elsewhere."""


class Lag:
    """Follows the lag of the running loop."""

    def __init__(self) -> None:
        self._trouble: list[str] = []
        self._worst = 0.0
        self._until = 0.0

    def problems(self) -> list[str]:
        """That it was blocked lately, for operators and load balancers; empty while it keeps up."""
        return self._trouble

    async def follow(self) -> None:
        """Looks for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            now = loop.time()
            lag = max(now - due, 0.0)
            if lag > ALARM_SECONDS:
                self._trouble = [f"the event loop was blocked for {lag:.1f} s"]
                self._worst, self._until = lag, now + REMEMBER_SECONDS
                log.error("%s", self._trouble[0])
            elif now >= self._until:
                self._trouble, self._worst = [], 0.0
            LOOP_LAG.set(max(lag, self._worst))
