"""One of two meshes behind a real nginx is told to stop under load: nobody is turned away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PHRASE
from edge import Fronted, fronted, render
from load import Record, percentile, play, poisson, seconds
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

CONFIG = """
tenants: {dev: {}}
backends: {echo: {adapter: echo, options: {delay_ms: 20}}}
models: {echo: {backends: [echo]}}
"""
RATE, SECONDS, LEAVES_AT = 100, 14, 3
GONE_SECONDS = 3.0
"""What the recipe in docs/edge.md waits between nginx's reload and the signal."""

GOOD = "good"


class Callers:
    """Calls of every kind in turn: REST and gRPC, whole and streamed. What went wrong is what they say."""

    def __init__(self, front: Fronted, client: aiohttp.ClientSession, channel: grpc.aio.Channel) -> None:
        self._front = front
        self._client = client
        self._stub: Any = inference_grpc.InferenceServiceStub(channel)
        self._kinds = cycle([self._rest(stream=False), self._whole, self._rest(stream=True), self._stream])

    async def call(self) -> str:
        """One call."""
        try:
            return await next(self._kinds)()
        except (aiohttp.ClientError, grpc.aio.AioRpcError) as error:
            return repr(error)

    def _rest(self, *, stream: bool) -> Callable[[], Awaitable[str]]:
        body = {"model": "echo", "prompt": PHRASE, "stream": stream}

        async def call() -> str:
            async with self._client.post(f"{self._front.http}/v1/completions", json=body) as response:
                text = await response.text()
            whole = response.status == 200 and (text.endswith("[DONE]\n\n") or not stream) and '"error"' not in text
            return GOOD if whole else f"{response.status} {text}"

        return call

    async def _whole(self) -> str:
        request = pb.GenerateRequest(model="echo", text=PHRASE)
        answer = await self._stub.Generate(request, metadata=self._front.metadata, timeout=20)
        return GOOD if answer.choices else "empty"

    async def _stream(self) -> str:
        request = pb.GenerateRequest(model="echo", text=PHRASE)
        finished = False
        async for event in self._stub.StreamGenerate(request, metadata=self._front.metadata, timeout=20):
            finished = finished or bool(event.finishes)
        return GOOD if finished else "unfinished"


async def tell(front: Fronted, leaving: tuple[str, ...]) -> int:
    """Stops one mesh, after nginx was told where the recipe says so; gives how it ended."""
    process = front.members["one"]
    if leaving:
        await render(front, *(word for one in leaving for word in ("--leaving", one)))
        await front.reload()
        await asyncio.sleep(GONE_SECONDS)
    process.send_signal(signal.SIGTERM)
    return await process.wait()


@pytest.mark.faults
@pytest.mark.parametrize("told", [False, True], ids=["by-itself", "after-a-reload"])
@pytest.mark.parametrize("ports", [False, True], ids=["sockets", "ports"])
async def test_fault_9_a_gateway_leaves_and_nobody_is_turned_away(
    state: Path, record_property: Record, *, ports: bool, told: bool
) -> None:
    """SIGTERM of one of two meshes behind nginx at 100 calls a second, REST and gRPC, whole and streamed -> 0 failed."""
    async with fronted(CONFIG, state, ports=ports) as front, front.session() as client, front.channel() as channel:
        callers = Callers(front, client, channel)
        sending = asyncio.create_task(play(poisson(Random(8), RATE, SECONDS), callers.call))
        await asyncio.sleep(LEAVES_AT)
        async with asyncio.timeout(SECONDS):
            code = await tell(front, front.gateways["one"] if told else ())
        assert not sending.done(), "the load was over too soon"
        sent = await sending
    bad = [f"{one.at:.2f} s, {one.seconds:.2f} s: {one.outcome}" for one in sent if one.outcome != GOOD]
    slowest = max(seconds(sent))
    record_property("failed", f"{len(bad)} of {len(sent)}")
    record_property("slowest", f"{slowest * 1000:.0f} ms, p99 {percentile(seconds(sent), 99) * 1000:.0f} ms")
    print(*bad, f"{len(bad)} of {len(sent)}, slowest {slowest:.2f} s", sep="\n")
    assert not bad
    assert code == 0
