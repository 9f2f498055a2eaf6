"""Two routers in front of one engine: its adapter keeps its limit for both, and what it refuses has its turn later."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from canaries import PROMPT
from launch import Running, command, flags, output, said

from fakes.openai_engine import fake_engine

LIMIT = 4
CONFIG = """
tenants: {dev: {}}
backends: {fake: {adapter: openai, options: {base_url: "URL", max_concurrency: 4}}}
models: {fake: {backends: [fake]}}
listen: {router: ["unix:STATE/run/one.sock", "unix:STATE/run/two.sock"]}
"""
CALLS = 40


async def test_one_engines_limit_holds_over_two_routers_and_no_call_is_lost(state: Path) -> None:
    async with fake_engine() as engine, AsyncExitStack() as stack:
        engine.delay = 0.02
        file = state / "thinmesh.yaml"
        file.write_text(CONFIG.replace("URL", engine.base_url).replace("STATE", str(state)))
        run = flags(file, state)
        await stack.enter_async_context(command("adapter", "fake", *run))
        for name in ("one", "two"):
            router = ("router", *run, "--listen", f"unix:{state}/run/{name}.sock")
            await said(await stack.enter_async_context(command(*router)), "router: gRPC")
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        found = await said(
            await stack.enter_async_context(command("gateway", *run, *ports)), r"REST (http://\S+)/v1, gRPC ([^\s,]+)"
        )
        code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
        assert code == 0, error
        running = Running(found[1], found[2], key.strip(), state)
        async with aiohttp.ClientSession(headers=running.headers) as session:

            async def ask() -> int:
                body = {"model": "fake", "prompt": PROMPT, "max_tokens": 5, "stream": True}
                async with session.post(f"{running.http}/v1/completions", json=body) as response:
                    await response.read()
                    return response.status

            async with asyncio.timeout(10):
                while await ask() != 200:  # until both have heard of the adapter
                    await asyncio.sleep(0.05)
            assert await asyncio.gather(*(ask() for _ in range(CALLS))) == [200] * CALLS
        assert engine.most_running <= LIMIT
        code, table, error = await output("status", *flags(file, state))
        assert code == 0, error
        assert table.count("ready") == 2
