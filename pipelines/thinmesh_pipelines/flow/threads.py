"""Threads for steps that are not async: each has its own, which holds nobody up where the step never ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

MOST_LEFT = 32
"""How many steps whose time is over, or that were cancelled, may still run; then none begins until one of them ends."""

_left: set[threading.Thread] = set()


async def in_thread(work: Callable[[], T]) -> T:
    """What it gives. Whoever leaves leaves the thread to itself: it can't be ended, and ends with the process."""
    _left.difference_update([one for one in _left if not one.is_alive()])
    if len(_left) >= MOST_LEFT:
        raise RuntimeError(
            f"{MOST_LEFT} steps that were given up still run in this worker: see what they wait for, and bound it"
        )
    given: Future[T] = Future()
    given.set_running_or_notify_cancel()

    def run() -> None:
        try:
            given.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is for who waits
            given.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="step", daemon=True)
    thread.start()
    try:
        return await asyncio.wrap_future(given)
    except asyncio.CancelledError:
        _left.add(thread)
        raise
