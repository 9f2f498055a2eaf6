"""The same steps for many things, some at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def map(each: Callable[[T], Awaitable[R]], items: Iterable[T], *, at_once: int = 8) -> list[R]:  # noqa: A001 - flow.map
    """What `each` gives for every item, in their order; at most `at_once` run together. The first that fails ends them all."""
    turns = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with turns:
            return await each(item)

    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one(item)) for item in items]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in running]
