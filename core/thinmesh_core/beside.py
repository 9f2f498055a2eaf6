"""Work that runs beside a block and ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs it until the block is left. No TaskGroup: what fails in the block would leave one as a group of one."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _tell(task: asyncio.Task[None]) -> None:
    """Nobody waits for it: what ended it would never be known."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("work that goes on beside others has ended: %s", type(error).__name__, exc_info=error)
