"""Long work on the event loop: all else has its turn between two slices, and of several at once one does a slice at a time."""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

from thinmesh_gateway.privacy.work import Work, go_on

T = TypeVar("T")


class Turns:
    """Those of one event loop; work of one slice waits for nothing."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def done(self, work: Work[T]) -> T:
        """What comes of the work."""
        try:
            go_on(work)
            while True:
                async with self._turn:  # first come, first served
                    await asyncio.sleep(0)
                    go_on(work)
        except StopIteration as end:
            return cast("T", end.value)
