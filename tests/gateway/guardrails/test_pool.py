"""Guardrails' threads: what is too slow is left to itself, not too many of it, and a caller never waits beyond its limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from thinmesh_gateway.guardrails.pool import Failed, Pool

LONG = 60.0
SHORT = 0.02


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """What stuck work waits for; it is let go at the end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(places=2, most_left=2)
    yield pool
    pool.close()


async def test_work_runs_in_a_thread_of_its_own_that_is_used_again(pool: Pool) -> None:
    threads = {await pool.run(threading.get_ident, LONG) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_what_is_raised_is_told_by_its_type_alone(pool: Pool) -> None:
    def work() -> None:
        raise ValueError("the prompt")

    def leave() -> None:
        raise SystemExit

    for broken, told in ((work, "ValueError"), (leave, "SystemExit")):
        with pytest.raises(Failed, match=rf"^it raised {told}$"):
            await pool.run(broken, LONG)
    assert await pool.run(lambda: 1, LONG) == 1


async def test_what_is_too_slow_is_left_and_others_have_its_place(pool: Pool, stuck: threading.Event) -> None:
    for _ in range(2):
        with pytest.raises(Failed, match=r"longer than 0\.02 s"):
            await pool.run(stuck.wait, SHORT)
        if pool._left < 2:
            assert await pool.run(lambda: 1, LONG) == 1
    with pytest.raises(Failed, match="too many"):
        await pool.run(lambda: 1, LONG)
    stuck.set()
    async with asyncio.timeout(LONG):
        while pool._left:
            await asyncio.sleep(0)
    assert await pool.run(lambda: 1, LONG) == 1


async def test_no_more_run_at_a_time_than_there_are_places_and_who_waits_too_long_never_begins(
    pool: Pool, stuck: threading.Event
) -> None:
    running = [asyncio.create_task(pool.run(stuck.wait, LONG)) for _ in range(2)]
    await asyncio.sleep(0)
    began: list[int] = []
    with pytest.raises(Failed, match="longer"):
        await pool.run(lambda: began.append(1), SHORT)
    assert (began, pool._left) == ([], 0)
    stuck.set()
    assert await asyncio.gather(*running) == [True, True]


async def test_a_caller_that_leaves_leaves_its_work(pool: Pool, stuck: threading.Event) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> bool:
        loop.call_soon_threadsafe(begun.set)
        return stuck.wait()

    task = asyncio.create_task(pool.run(work, LONG))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool._left == 1
    stuck.set()
    async with asyncio.timeout(LONG):
        while pool._left:
            await asyncio.sleep(0)


async def test_who_leaves_as_its_work_ends_leaves_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = pool._ended

    def cancel(*args: Any) -> None:
        ended(*args)
        task.cancel()

    monkeypatch.setattr(pool, "_ended", cancel)
    task = asyncio.create_task(pool.run(lambda: 1, LONG))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (pool._left, pool._busy) == (0, 0)


def test_work_that_outlives_its_loop_harms_nobody(stuck: threading.Event) -> None:
    async def main() -> None:
        with pytest.raises(Failed):
            await Pool().run(stuck.wait, SHORT)

    asyncio.run(main())
    (thread,) = (one for one in threading.enumerate() if one.name == "guardrail" and one.is_alive() and one.daemon)
    stuck.set()
    thread.join(0.05)
