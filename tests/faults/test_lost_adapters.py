"""An adapter process that is killed or frozen: its streams end with an error event soon, and nothing else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from launch import SMOLLM2, Running, mesh, only_child
from load import Record, complete, percentile, play, poisson, seconds, session
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import sampling_pb2

from thinmesh_core.channel import dial

CONFIG = """
tenants: {dev: {}}
backends:
  one:
    adapter: echo
    options: {delay_ms: 100}
  two:
    adapter: echo
    options: {delay_ms: 100}
models:
  only-one: {backends: [one]}
  only-two: {backends: [two]}
  both: {backends: [one, two]}
"""
STREAMS, OTHERS = 50, 10
TOKENS = 60


async def stream(client: aiohttp.ClientSession, running: Running, model: str, begun: asyncio.Semaphore) -> tuple[str, float]:
    """How a long stream ends, its last event, and when."""
    body = {"model": model, "prompt": PROMPT, "max_tokens": TOKENS, "ignore_eos": True, "stream": True}
    last = b""
    async with client.post(f"{running.http}/v1/completions", json=body) as response:
        assert response.status == 200
        async for line in response.content:
            if line.startswith(b"data: "):
                if not last:
                    begun.release()
                last = line
    return last.decode().strip(), time.monotonic()


async def begin(
    client: aiohttp.ClientSession, running: Running, model: str, count: int
) -> list[asyncio.Task[tuple[str, float]]]:
    """So many streams, each of which has said its first word."""
    begun = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(stream(client, running, model, begun)) for _ in range(count)]
    for _ in range(count):
        await begun.acquire()
    return tasks


def failed(event: str) -> bool:
    """Whether an event is an error in OpenAI's shape."""
    body: dict[str, Any] = json.loads(event.removeprefix("data: ")) if event != "data: [DONE]" else {}
    return body.keys() == {"error"} and body["error"]["code"] == "engine_unavailable"


async def lose(running: Running, number: signal.Signals) -> float:
    """How long the slowest stream of an adapter goes on once it is struck; others must not notice."""
    async with session(running) as client:
        lost = await begin(client, running, "only-one", STREAMS)
        others = await begin(client, running, "only-two", OTHERS)
        channel = dial(running.grpc)
        stub = inference_grpc.InferenceServiceStub(channel)
        calls = [await opened(stub, running) for _ in range(STREAMS)]
        struck = time.monotonic()
        running.processes["one"].send_signal(number)
        async with asyncio.timeout(30):
            ends = await asyncio.gather(*lost)
            codes = await asyncio.gather(*(ending(call) for call in calls))
        assert all(failed(event) for event, _ in ends)
        assert {code for code, _ in codes} == {grpc.StatusCode.UNAVAILABLE}
        assert [event for event, _ in await asyncio.gather(*others)] == ["data: [DONE]"] * OTHERS
        await channel.close()
    return max(at for _, at in (*ends, *codes)) - struck


async def opened(stub: Any, running: Running) -> Any:
    """A stream over gRPC that has said its first word."""
    request = pb.GenerateRequest(
        model="only-one", text=PROMPT, stopping=sampling_pb2.Stopping(max_tokens=TOKENS, ignore_eos=True)
    )
    call = stub.StreamGenerate(request, metadata=running.metadata, timeout=60)
    assert (await call.read()).deltas
    return call


async def ending(call: Any) -> tuple[grpc.StatusCode, float]:
    """How a stream over gRPC ends, and when."""
    with suppress(AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    return await call.code(), time.monotonic()


@pytest.mark.faults
async def test_fault_1_streams_of_a_killed_adapter_end(state: Path, record_property: Record) -> None:
    """An adapter with 100 streams, REST and gRPC, is killed -> each ends with an error event or UNAVAILABLE within 250 ms."""
    async with mesh(CONFIG, state, "split") as running:
        slowest = await lose(running, signal.SIGKILL)
    record_property("slowest end", f"{slowest * 1000:.0f} ms")
    assert slowest <= 0.25


async def test_fault_2_streams_of_a_frozen_adapter_end(state: Path, record_property: Record) -> None:
    """An adapter with 100 streams is stopped with SIGSTOP -> found within 3 s, and the streams of others go on."""
    async with mesh(CONFIG, state, "split") as running:
        try:
            slowest = await lose(running, signal.SIGSTOP)
        finally:
            running.processes["one"].kill()
    record_property("slowest end", f"{slowest:.2f} s")
    assert slowest <= 3.0


@pytest.mark.faults
async def test_fault_1_calls_of_a_killed_adapter_go_elsewhere(state: Path, record_property: Record) -> None:
    """One of two adapters is killed under 200 unary calls a second -> none fails."""
    moments = poisson(Random(1), 200, 4)
    async with mesh(CONFIG, state, "split") as running, session(running) as client:
        asyncio.get_running_loop().call_later(2, running.processes["one"].kill)
        sent = await play(moments, lambda: complete(client, running, "both"))
    failures = [one.outcome for one in sent if one.outcome.status != 200]
    record_property("failed", f"{len(failures)} of {len(sent)}")
    record_property("p99", f"{percentile(seconds(sent), 99) * 1000:.0f} ms")
    assert not failures


async def test_a_frozen_adapter_does_not_keep_the_mesh_from_stopping(state: Path) -> None:
    async with mesh(SMOLLM2, state, "up") as running:
        child = only_child(running.processes["up"].pid)
        os.kill(child, signal.SIGSTOP)
    assert running.processes["up"].returncode == 0
    assert not Path(f"/proc/{child}").exists()
