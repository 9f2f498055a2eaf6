"""What the mesh costs: CPU-seconds of its own processes for unary calls and streamed tokens, in one process and split.

CPU time, not wall time, so that a busy machine says nearly the same as a quiet one. The engine and the clients are fakes in
this process and are not counted. `make bench` runs it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from launch import Mode, Running, cpu_seconds, mesh

from fakes.openai_engine import FakeEngine, fake_engine

CONFIG = """
tenants: {dev: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL", max_concurrency: 1000}
models: {fake: {backends: [fake]}}
"""
UNARY_CALLS, UNARY_AT_ONCE = 1024, 32
STREAMS, TOKENS, TOKEN_SECONDS = 64, 200, 0.02


async def many(count: int, at_once: int, call: Callable[[], Awaitable[None]]) -> None:
    """Makes so many calls, so many at once."""

    async def worker(share: int) -> None:
        for _ in range(share):
            await call()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(worker(count // at_once))


async def used(running: Running, work: Awaitable[None]) -> float:
    """The CPU-seconds of all of the mesh's processes while the work is done."""
    pids = [process.pid for process in running.processes.values()]
    before = sum(cpu_seconds(pid) for pid in pids)
    await work
    return sum(cpu_seconds(pid) for pid in pids) - before


async def measure(mode: Mode, engine: FakeEngine, state: Path) -> tuple[float, float]:
    """CPU-seconds for 1 000 unary calls, and for 1 000 000 streamed tokens."""
    async with mesh(CONFIG.replace("URL", engine.base_url), state, mode) as running:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=running.headers) as session:

            async def ask(*, stream: bool) -> None:
                body = {
                    "model": "fake",
                    "prompt": "Say something.",
                    "max_tokens": TOKENS,
                    "ignore_eos": stream,
                    "stream": stream,
                }
                async with session.post(f"{running.http}/v1/completions", json=body) as response:
                    assert response.status == 200
                    await response.read()

            engine.reset()
            await many(UNARY_AT_ONCE * 4, UNARY_AT_ONCE, lambda: ask(stream=False))  # warm
            unary = await used(running, many(UNARY_CALLS, UNARY_AT_ONCE, lambda: ask(stream=False)))
            engine.delay = TOKEN_SECONDS
            tokens = await used(running, many(STREAMS, STREAMS, lambda: ask(stream=True)))
    return unary / UNARY_CALLS * 1e3, tokens / (STREAMS * TOKENS) * 1e6


async def main() -> None:
    """Prints the table."""
    print("| processes | CPU-s per 1 000 unary calls | CPU-s per 1M streamed tokens |\n|---|---|---|")
    modes: tuple[Mode, ...] = ("up", "split")
    for mode in modes:
        with tempfile.TemporaryDirectory(prefix="tm-", dir="/tmp") as folder:
            async with fake_engine() as engine:
                unary, tokens = await measure(mode, engine, Path(folder))
        print(f"| {'one' if mode == 'up' else 'gateway, router, adapter'} | {unary:.2f} | {tokens:.0f} |")


if __name__ == "__main__":
    asyncio.run(main())
