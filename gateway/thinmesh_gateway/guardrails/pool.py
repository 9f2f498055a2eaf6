"""Threads for guardrails: a few run at a time, one that is too slow is left to itself, and not too many of those."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from thinmesh_core.telemetry import GUARDRAIL_THREADS_LEFT

T = TypeVar("T")

PLACES = 4
"""How many run at a time; others wait, within their time limits."""

MOST_LEFT = 16
"""How many that are too slow, or whose callers are gone, may still run; then none begins until one of them ends."""


class Failed(Exception):  # noqa: N818  # it says what happened
    """Work that raised, was too slow or could not begin; why, in our words."""


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    work: Callable[[], T]
    result: asyncio.Future[T]
    left: bool = False


class Pool:
    """Runs work beside one event loop. Its threads end with the process, even those that are stuck."""

    def __init__(self, places: int = PLACES, most_left: int = MOST_LEFT) -> None:
        self._places = asyncio.Semaphore(places)
        self._most_left = most_left
        self._left = 0
        self._threads = 0
        self._busy = 0
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What it gives within so many seconds, the wait for a thread among them; Failed otherwise."""
        if self._left >= self._most_left:
            raise Failed("too many that were too slow still run")
        try:
            async with asyncio.timeout(seconds), self._places:
                return await self._done(_Job(work, asyncio.get_running_loop().create_future()))
        except TimeoutError:
            raise Failed(f"it took longer than {seconds:g} s") from None

    def close(self) -> None:
        """Ends the threads that have nothing to do."""
        for _ in range(self._threads):
            self._jobs.put(None)

    async def _done(self, job: _Job[T]) -> T:
        if self._busy == self._threads:
            self._threads += 1
            threading.Thread(target=self._serve, args=(asyncio.get_running_loop(),), name="guardrail", daemon=True).start()
        self._busy += 1
        self._jobs.put(job)
        try:
            return await job.result
        except asyncio.CancelledError:
            if job.result.cancelled():  # or it has just ended
                job.left = True
                self._count_left(1)
            raise

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """A thread's life."""
        while (job := self._jobs.get()) is not None:
            value, why = None, None
            try:
                if not job.left:
                    value = job.work()
            except Failed as error:
                why = str(error)
            except BaseException as error:  # noqa: BLE001  # what others wrote may raise anything, and this thread goes on
                why = f"it raised {type(error).__name__}"
            with suppress(RuntimeError):  # the loop may be closed
                loop.call_soon_threadsafe(self._ended, job, value, why)

    def _ended(self, job: _Job[Any], value: object, why: str | None) -> None:
        self._busy -= 1
        if job.left:
            self._count_left(-1)
        elif why is not None:
            job.result.set_exception(Failed(why))
        else:
            job.result.set_result(cast("Any", value))

    def _count_left(self, more: int) -> None:
        self._left += more
        GUARDRAIL_THREADS_LEFT.set(self._left)
