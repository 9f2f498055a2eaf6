"""A process that is told to stop says so first, so that a front moves on, and finishes what runs."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from canaries import PHRASE, PROMPT
from launch import MINILM, Mode, Running, mesh, told
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc

from thinmesh_core.channel import dial

CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, options: {delay_ms: 50}}}
models: {echo: {backends: [echo]}}
drain_seconds: DRAIN
"""
LONG = {"model": "echo", "prompt": f"on and {PHRASE}", "max_tokens": 40, "ignore_eos": True, "stream": True}
SHORT = {"model": "echo", "prompt": PROMPT}


async def stream(session: aiohttp.ClientSession, running: Running, begun: asyncio.Event) -> str:
    """The last event of a long stream."""
    last = b""
    async with session.post(f"{running.http}/v1/completions", json=LONG) as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                last = line
                begun.set()
    return last.decode().strip()


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_a_gateway_drains(state: Path, mode: Mode) -> None:
    async with (
        mesh(CONFIG.replace("DRAIN", "1"), state, mode) as running,
        aiohttp.ClientSession(headers=running.headers) as session,
    ):
        begun = asyncio.Event()
        long = asyncio.create_task(stream(session, running, begun))
        await begun.wait()
        process = running.processes["up" if mode == "up" else "gateway"]
        process.send_signal(signal.SIGTERM)
        while True:  # a signal takes a moment
            async with session.post(f"{running.http}/v1/completions", json=SHORT) as response:
                assert response.status == 200
                if response.headers.get("connection") == "close":
                    break
        if running.admin:
            async with session.get(f"{running.admin}/readyz") as response:
                assert (response.status, await response.text()) == (503, "draining\n")
        assert await long == "data: [DONE]"
        async with asyncio.timeout(15):
            assert await process.wait() == 0


async def test_an_adapter_that_stops_says_so_finishes_and_does_not_wait_for_its_watchers(state: Path) -> None:
    async with (
        mesh(CONFIG.replace("DRAIN", "0") + "queue: {waiting_room_seconds: 1}\n", state, "split") as running,
        aiohttp.ClientSession(headers=running.headers) as session,
    ):
        begun = asyncio.Event()
        long = asyncio.create_task(stream(session, running, begun))
        await begun.wait()
        adapter = running.processes["echo"]
        async with dial(f"unix:{state}/run/echo.sock") as channel:
            watch: Any = adapter_grpc.AdapterServiceStub(channel).WatchStatus(adapter_pb.WatchStatusRequest())
            await watch.read()
            adapter.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                while (await watch.read()).status.state != adapter_pb.STATE_DRAINING:
                    pass
            assert await long == "data: [DONE]"
            async with asyncio.timeout(10):  # its grace is 30 s
                assert await adapter.wait() == 0
        async with session.post(f"{running.http}/v1/completions", json=SHORT) as response:
            assert response.status == 503


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_an_interrupt_of_an_idle_mesh_does_not_wait(state: Path, mode: Mode) -> None:
    async with mesh(CONFIG.replace("DRAIN", "60"), state, mode) as running:
        for process in running.processes.values():
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(10):
                assert await process.wait() == 0
            print(f"stopped after {time.monotonic() - began:.2f} s")


async def test_the_adapters_of_a_mesh_need_not_drain_once_it_has(state: Path) -> None:
    async with mesh(MINILM + "drain_seconds: 60\n", state, "up") as running:
        process = running.processes["up"]
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        assert "is killed" not in told(process)
