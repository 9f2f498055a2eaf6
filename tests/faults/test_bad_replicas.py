"""One replica of several is slow, broken or flapping, or none is left: callers notice as little as can be."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from launch import mesh
from load import Record, complete, percentile, play, poisson, seconds, session, until

from fakes.openai_engine import FakeEngine
from fakes.openai_server import serving
from fakes.replicas import config, replicas

BROKEN = (500, b'{"error": {"message": "broken"}}')


@pytest.mark.faults
async def test_fault_13_a_slow_replica_gets_little(state: Path, record_property: Record) -> None:
    """One of 8 replicas turns 10 times slower (1 s) at 100 calls a second -> it gets < 2 %, p99 is < 2 times the healthy."""
    async with replicas(8, tokens=["x"], delay=0.1) as engines, AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config(engines), state, "up"))
        client = await stack.enter_async_context(session(running))
        healthy = await play(poisson(Random(13), 100, 5), lambda: complete(client, running, "fake"))
        before = len(engines[0].requests)
        engines[0].delay = 1.0
        sent = await play(poisson(Random(14), 100, 20), lambda: complete(client, running, "fake"))
    share = (len(engines[0].requests) - before) / len(sent)
    usual, p99 = percentile(seconds(healthy), 99), percentile(seconds(sent), 99)
    record_property("its share", f"{share:.1%}")
    record_property("p99", f"{p99 * 1000:.0f} ms, healthy {usual * 1000:.0f} ms")
    assert {one.outcome.status for one in (*healthy, *sent)} == {200}
    assert share < 0.02
    assert p99 < 2 * usual


@pytest.mark.faults
async def test_fault_14_a_replica_that_always_fails_is_left_alone(state: Path, record_property: Record) -> None:
    """One of 3 replicas fails always at 60 calls a second -> after 5 calls it gets single probes, and no others fail."""
    async with replicas(3, tokens=["x"], delay=0.01) as engines, AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config(engines), state, "up"))
        client = await stack.enter_async_context(session(running))
        bad = engines[0]
        bad.refusal = BROKEN
        load = asyncio.create_task(play(poisson(Random(14), 60, 8), lambda: complete(client, running, "fake")))
        async with asyncio.timeout(5):
            while len(bad.arrivals) < 5 or bad.running:
                await asyncio.sleep(0.01)
        first, bad.delay, bad.most_running = len(bad.arrivals), 0.5, 0  # the others come many times while it is probed
        sent = await load
    probes = bad.arrivals[first:]
    gaps = [after - before for before, after in pairwise(bad.arrivals[first - 1 :])]
    failed = [one for one in sent if one.outcome.status != 200]
    record_property("asked until it was left alone", first)
    record_property("probes in 8 s", f"{len(probes)}, after {', '.join(f'{gap:.1f}' for gap in gaps)} s")
    record_property("probes at once", bad.most_running)
    record_property("failed", f"{len(failed)} of {len(sent)}")
    assert first <= 6  # one may be under way there while the fifth fails
    assert (bad.most_running, len(probes) in {2, 3}) == (1, True)
    assert len(failed) == len(bad.arrivals)


async def test_fault_14_the_last_replica_is_never_left_alone(state: Path, record_property: Record) -> None:
    """The only replica fails always -> every call still reaches it, and the first that it answers is answered."""
    async with replicas(1, tokens=["x"]) as (only,), AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config([only]), state, "up"))
        client = await stack.enter_async_context(session(running))
        only.refusal = BROKEN
        sent = await play([0.02 * count for count in range(50)], lambda: complete(client, running, "fake"))
        only.refusal = None
        well = await complete(client, running, "fake")
    record_property("reached it", f"{len(only.requests) - 1} of {len(sent)}")
    assert len(only.requests) == len(sent) + 1
    assert well.status == 200


@pytest.mark.faults
async def test_fault_15_a_flapping_replica_gets_less_and_less(state: Path, record_property: Record) -> None:
    """One of 2 replicas is up and down by the second, for 25 s, at 100 calls a second -> left alone for longer and longer."""
    async with replicas(2, tokens=["x"], delay=0.01) as engines, AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config(engines), state, "up"))
        client = await stack.enter_async_context(session(running))
        flapping = engines[0]

        async def flap() -> None:
            while True:
                flapping.refusal = BROKEN if flapping.refusal is None else None
                await asyncio.sleep(1)

        flaps = asyncio.create_task(flap())
        sent = await play(poisson(Random(15), 100, 25), lambda: complete(client, running, "fake"))
        flaps.cancel()
    away = [after - before for before, after in pairwise(flapping.arrivals) if after - before > 0.7]
    back = [before for before, after in pairwise(flapping.arrivals) if after - before > 0.7]
    failed = [one for one in sent if one.outcome.status != 200]
    record_property("left alone for", f"{', '.join(f'{gap:.1f}' for gap in away)} s")
    record_property("failed", f"{len(failed)} of {len(sent)}")
    assert len(back) >= 3
    assert all(after > before for before, after in pairwise(away))
    assert len(failed) <= 6 * (len(away) + 1)


@pytest.mark.faults
async def test_fault_15_a_replica_that_is_back_begins_with_little(state: Path, record_property: Record) -> None:
    """A replica was down and is up again at 100 calls a second -> in its first second < 30 %, after 12 s its half."""
    async with replicas(2, tokens=["x"], delay=0.1) as engines, AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config(engines), state, "up"))
        client = await stack.enter_async_context(session(running))
        loop, back = asyncio.get_running_loop(), engines[0]
        back.refusal = BROKEN
        load = asyncio.create_task(play(poisson(Random(16), 100, 18), lambda: complete(client, running, "fake")))
        async with asyncio.timeout(5):
            while len(back.arrivals) < 5 or back.running:
                await asyncio.sleep(0.01)
        back.refusal, before = None, len(back.arrivals)
        await load
    probe = back.arrivals[before]
    shares = [_share(back, engines, probe + at) for at in (0.0, 12.0)]
    record_property("share in its 1st second", f"{shares[0]:.0%}")
    record_property("in its 13th", f"{shares[1]:.0%}")
    assert loop.time() > probe + 13
    assert shares[0] < 0.3
    assert shares[1] > 0.35


@pytest.mark.faults
async def test_fault_16_all_replicas_down_is_told_at_once(state: Path, record_property: Record) -> None:
    """Both replicas are down -> 503 with Retry-After within 20 ms (99 %), nobody waits; served <= 2 s after one returns."""
    async with AsyncExitStack() as stack:
        engines = [FakeEngine(tokens=["x"]) for _ in range(2)]
        down = AsyncExitStack()
        for engine in engines:
            engine.base_url = await down.enter_async_context(serving(engine))
        running = await stack.enter_async_context(mesh(config(engines), state, "up"))
        client = await stack.enter_async_context(session(running))

        async def answers(status: int) -> bool:
            return (await complete(client, running, "fake")).status == status

        await down.aclose()
        await until(lambda: answers(503), within=5)
        refused = await play(poisson(Random(16), 100, 3), lambda: complete(client, running, "fake"))
        await stack.enter_async_context(serving(engines[0], urlsplit(engines[0].base_url).port or 0))
        recovered = await until(lambda: answers(200), within=10)
    slowest = percentile(seconds(refused), 99)
    record_property("99 % refused within", f"{slowest * 1000:.0f} ms")
    record_property("served again after", f"{recovered:.2f} s")
    assert {one.outcome.status for one in refused} == {503}
    assert all("retry-after" in one.outcome.headers for one in refused)
    assert slowest <= 0.02
    assert recovered <= 2


def _share(one: FakeEngine, engines: list[FakeEngine], begin: float) -> float:
    """Its share of the calls in the second that begins then."""
    counts = {id(engine): sum(begin <= at < begin + 1 for at in engine.arrivals) for engine in engines}
    return counts[id(one)] / sum(counts.values())
