"""Asking a second backend where the first takes long, for calls whose answer is the same everywhere.

Hedged requests: Dean and Barroso, "The Tail at Scale", 2013; within the retry budget, so that a mesh that is slow everywhere is
not asked twice for everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from thinmesh_router.attempt import Attempt
from thinmesh_router.ticket import Ticket

A = TypeVar("A")
Ask = Callable[[Attempt], Awaitable[A]]


async def answered(ticket: Ticket, ask: Ask[A]) -> A:
    """The answer of the first backend that gives one; after a failure another is tried."""
    while True:
        with await ticket.attempt() as attempt:
            return await ask(attempt)


async def hedged(ticket: Ticket, ask: Ask[A], seconds: float) -> A:
    """The same; a backend that takes longer than `seconds` is raced by a second, and whoever is late is cancelled.

    What the call waits for its place is not the backend's time.
    """
    begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def noted(attempt: Attempt) -> A:
        if not begun.done():
            begun.set_result(None)
        return await ask(attempt)

    first = asyncio.create_task(answered(ticket, noted))
    running: set[asyncio.Task[A] | asyncio.Task[A | None]] = {first}
    try:
        await asyncio.wait((first, begun), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(running, timeout=seconds)
        second = None if first.done() else ticket.another()
        if second is not None:
            running.add(asyncio.create_task(_once(second, ask)))
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                answer = None if task.exception() else task.result()
                if answer is not None:
                    return answer
        return first.result()
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _once(attempt: Attempt, ask: Ask[A]) -> A | None:
    """None where the backend failed in a way that others may cure: the first goes on."""
    with attempt:
        return await ask(attempt)
    return None
