"""Quotas over several routers and their store: exact while it lives, decided quickly when it does not.

Numbers are those of the list of faults in docs/reports/faults.md.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import Running, mesh
from load import Record
from redis.asyncio import Redis
from shared_store import SharedStore, shared_store

from fakes.openai_engine import FakeEngine, fake_engine

LIMIT = 10_000
STREAMS = 200
CONFIG = """
tenants: {dev: {quota: QUOTA}}
backends: {fake: {adapter: openai, options: {base_url: "URL", max_concurrency: 1000}}}
models: {fake: {backends: [fake]}}
quotas: {store: "STORE", replicas: REPLICAS, lease_seconds: 2, when_unreachable: {rates: RATES}}
"""
DECIDED_SECONDS = 0.06


@asynccontextmanager
async def meshes(
    count: int, quota: str, store: str, state: Path, engine: FakeEngine, rates: str = "share"
) -> AsyncIterator[list[Running]]:
    """So many gateways with their routers, each a process, on one store."""
    config = CONFIG.replace("QUOTA", quota).replace("URL", engine.base_url).replace("STORE", store).replace("RATES", rates)
    async with AsyncExitStack() as stack:
        entering = [
            stack.enter_async_context(mesh(config.replace("REPLICAS", str(count)), state / str(number), "up"))
            for number in range(count)
        ]
        yield [await one for one in entering]


async def stream(session: aiohttp.ClientSession, running: Running) -> int:
    """The tokens that one stream was granted: input and output, none where it was refused."""
    body = {
        "model": "fake",
        "prompt": "Say something about the sea.",
        "max_tokens": 400,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with session.post(f"{running.http}/v1/completions", json=body, headers=running.headers) as response:
        if response.status in {429, 503}:
            assert response.headers["retry-after"]
            return 0
        assert response.status == 200
        lines = [line async for line in response.content if line.startswith(b"data: {")]
    events = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    words = sum(bool(choice["text"]) for event in events for choice in event["choices"])
    finish = next(choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"])
    assert finish == "length"
    used: int = events[-1]["usage"]["total_tokens"]
    assert events[-1]["usage"]["completion_tokens"] == words
    return used


async def answer(session: aiohttp.ClientSession, running: Running) -> tuple[int, float]:
    """A short call's status, and how long it took."""
    began = time.monotonic()
    body = {"model": "fake", "prompt": "Say something.", "max_tokens": 5}
    async with session.post(f"{running.http}/v1/completions", json=body, headers=running.headers) as response:
        await response.read()
        return response.status, time.monotonic() - began


@pytest.mark.parametrize("count", [4, 1], ids=["four processes on one store", "one process in memory"])
async def test_fault_22_two_hundred_streams_are_granted_the_limit_and_not_more(
    state: Path, record_property: Record, count: int
) -> None:
    """200 streams of one tenant race for 10 000 tokens a minute, over 4 processes or one -> none too many, 95 % are used."""
    # refuse: on a busy machine the store may seem slow, and shares of the limit are not what is looked at
    async with shared_store(state) as store, fake_engine() as engine:
        engine.delay = 0.01
        where = store.url if count > 1 else "memory"
        async with (
            meshes(count, f"{{tokens_per_minute: {LIMIT}}}", where, state, engine, rates="refuse") as running,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            began = time.monotonic()
            granted = sum(await asyncio.gather(*(stream(session, running[one % count]) for one in range(STREAMS))))
            while granted < LIMIT * 0.95 and time.monotonic() - began < 40:  # others come after the first ones were refused
                granted += sum(await asyncio.gather(*(stream(session, running[one % count]) for one in range(8))))
            took = time.monotonic() - began
        record_property(f"granted by {count}", f"{granted} of {LIMIT}")
        assert took < 60
        assert LIMIT * 0.95 <= granted <= LIMIT


@asynccontextmanager
async def delayed(store: SharedStore, socket: Path, delay: asyncio.Event) -> AsyncIterator[str]:
    """The store behind a socket that passes every read on 500 ms late while `delay` is set."""

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while read := await source.read(65536):
            if delay.is_set():
                await asyncio.sleep(0.5)
            sink.write(read)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):  # the store may be dead
            upstream, answers = await asyncio.open_unix_connection(store.url.removeprefix("unix://"))
            with closing(answers):
                await asyncio.wait(
                    {asyncio.create_task(pipe(reader, answers)), asyncio.create_task(pipe(upstream, writer))},
                    return_when=asyncio.FIRST_COMPLETED,
                )

    async with asyncio.TaskGroup() as tasks:
        serving: list[asyncio.Task[None]] = []
        server = await asyncio.start_unix_server(lambda *ends: serving.append(tasks.create_task(serve(*ends))), socket)
        async with server:
            yield f"unix://{socket}"
        for task in serving:
            task.cancel()


@pytest.mark.faults
@pytest.mark.parametrize("quota", ["requests_per_minute: 8", "tokens_per_day: 100000"], ids=["rate", "total"])
@pytest.mark.parametrize("fault", ["frozen", "dead", "slow"])
async def test_fault_20_without_its_store_a_quota_is_decided_within_60_ms(
    state: Path, record_property: Record, fault: str, quota: str
) -> None:
    """The quotas' store is frozen, dead or 500 ms late -> decided within 60 ms: a rate by this router's share, a total not."""
    delay = asyncio.Event()
    async with shared_store(state) as store, fake_engine() as engine, delayed(store, state / "late.sock", delay) as url:
        async with meshes(2, f"{{{quota}}}", url, state, engine) as (one, _), aiohttp.ClientSession() as session:
            usual = min([(await answer(session, one))[1] for _ in range(3)])
            match fault:
                case "frozen":
                    store.process.send_signal(signal.SIGSTOP)
                case "dead":
                    store.process.kill()
                case _:
                    delay.set()
            decided = [await answer(session, one) for _ in range(30)]
        said = [status for status, _ in decided]
        slowest = max(seconds for _, seconds in decided)
        record_property(f"{fault}, {quota}:", f"{said.count(200)} of 30 granted")
        record_property("slowest decision", f"{(slowest - usual) * 1000:.0f} ms")
        assert said == sorted(said)  # first what was held already, and of a rate this router's share; then nothing
        assert said[-1] == (503 if "day" in quota else 429)
        assert said.count(200) <= (8 if "day" in quota else 8 + 4)
        assert slowest - usual <= DECIDED_SECONDS


async def test_fault_21_a_store_that_was_emptied_is_used_on_and_loses_a_bucket_at_most(
    state: Path, record_property: Record
) -> None:
    """The quotas' store loses its data and its scripts -> no call fails for it, and at most one limit more is granted."""
    async with shared_store(state) as store, fake_engine() as engine:
        async with (
            meshes(2, "{tokens_per_minute: 1000}", store.url, state, engine) as running,
            aiohttp.ClientSession() as session,
        ):
            before = await stream(session, running[0])
            client = Redis.from_url(store.url)
            await client.flushall()
            await client.script_flush()
            granted = sum(await asyncio.gather(*(stream(session, running[one % 2]) for one in range(12))))
            await client.aclose()
        record_property("granted", f"{before} before and {granted} after, of 1000")
        assert granted > 0
        assert before + granted <= 2 * 1000


@pytest.mark.faults
async def test_fault_8_what_a_killed_gateway_had_reserved_is_free_again_within_its_lease(
    state: Path, record_property: Record
) -> None:
    """A gateway with its router is killed while it holds all of a tenant's concurrent calls -> free again in the lease + 1 s."""
    async with shared_store(state) as store, fake_engine() as engine:
        engine.delay, engine.endless = 0.01, True
        async with (
            meshes(2, "{concurrent_calls: 4, tokens_per_day: 1000000}", store.url, state, engine) as (dying, other),
            aiohttp.ClientSession() as session,
        ):
            body = {"model": "fake", "prompt": PROMPT, "max_tokens": 10_000, "stream": True}
            streams = [await session.post(f"{dying.http}/v1/completions", json=body, headers=dying.headers) for _ in range(4)]
            assert {one.status for one in streams} == {200}
            assert (await answer(session, other))[0] == 429
            dying.processes["up"].kill()
            died = time.monotonic()
            engine.endless = False
            async with asyncio.timeout(10):
                while (await answer(session, other))[0] != 200:
                    await asyncio.sleep(0.05)
            took = time.monotonic() - died
            for one in streams:
                one.close()
        record_property("free again after", f"{took:.2f} s, the lease is 2 s")
        assert took <= 3
