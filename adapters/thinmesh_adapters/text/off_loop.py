"""Work on long texts off the event loop: templates and tokenizers take seconds for megabytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

LONG_BYTES = 16 * 1024
"""What is shorter takes some milliseconds at the most."""

AT_ONCE = 2
"""Long texts that are worked on at the same time, of all models in this process; others wait."""

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="long-text")


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """What `work` makes of `size` bytes: at once where they are few, else in a thread."""
    if size < LONG_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
