"""Threads of steps: one that never ends takes no thread from anything else, and too many of them are noticed."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from thinmesh_pipelines.flow.threads import MOST_LEFT, in_thread

WHO = ContextVar("WHO", default="nobody")


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """What stuck steps wait for; they are let go at the end."""
    event = threading.Event()
    yield event
    event.set()
    end_all()


def end_all() -> None:
    """Waits for all steps' threads."""
    for one in threading.enumerate():
        if one.name == "step":
            one.join()


async def given_up(stuck: threading.Event) -> None:
    """Leaves a step that has begun and does not end."""
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        stuck.wait()

    running = asyncio.create_task(in_thread(work))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_step_gives_or_raises_is_its_callers() -> None:
    WHO.set("somebody")
    assert await in_thread(WHO.get) == "somebody"
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(SystemExit):
        await in_thread(sys.exit)


async def test_steps_that_are_stuck_take_no_thread_from_others(stuck: threading.Event) -> None:
    for _ in range(MOST_LEFT - 1):
        await given_up(stuck)
    async with asyncio.timeout(10):
        assert await asyncio.to_thread(lambda: "a thread for all") == "a thread for all"
        assert await in_thread(lambda: "a thread of its own") == "a thread of its own"
    assert all(one.daemon for one in threading.enumerate() if one.name == "step")


async def test_where_too_many_are_stuck_none_begins_until_one_ends(stuck: threading.Event) -> None:
    for _ in range(MOST_LEFT):
        await given_up(stuck)
    with pytest.raises(RuntimeError, match="were given up still run"):
        await in_thread(lambda: 1)
    stuck.set()
    end_all()
    assert await in_thread(lambda: 1) == 1
