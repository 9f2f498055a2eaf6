"""Two hundred streams at once: each text whole and in order, and nothing kept afterwards."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path

import aiohttp
from launch import ECHO, Running, memory_bytes, mesh

STREAMS = 200
WORDS = 100
KEPT_BYTES = 20 * 1024 * 1024


async def test_two_hundred_parallel_streams_are_whole_and_leave_nothing(state: Path) -> None:
    slow = ECHO.replace("{adapter: echo}", "{adapter: echo, options: {delay_ms: 5}}")
    async with mesh(slow, state, "up") as running:
        pid = running.processes["up"].pid
        await _all(running)  # what is allocated once (connections, code, arenas) is no leak
        gc.collect()
        before = memory_bytes(pid)
        for _ in range(2):
            await _all(running)
        kept = memory_bytes(pid) - before
    assert kept < KEPT_BYTES, f"{kept / 1024 / 1024:.1f} MiB more than before"


async def _all(running: Running) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=running.headers) as session, asyncio.TaskGroup() as tasks:
        for number in range(STREAMS):
            tasks.create_task(_one(session, running.http, number))


async def _one(session: aiohttp.ClientSession, http: str, number: int) -> None:
    text = " ".join(f"{number}.{word}" for word in range(WORDS))
    body = {"model": "echo", "messages": [{"role": "user", "content": text}], "stream": True}
    said: list[str] = []
    async with session.post(f"{http}/v1/chat/completions", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                said.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
    assert line == b"\n"
    assert "".join(said) == text
