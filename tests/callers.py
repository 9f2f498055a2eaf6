"""Callers of a mesh behind nginx: REST and gRPC, whole answers and streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
from random import Random
from typing import Any

import aiohttp
import grpc
from canaries import PHRASE
from edge import Fronted
from load import percentile, play, poisson, seconds
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

GOOD = "good"
OTHERS_RATE = 50
"""Calls a second of those who do no harm."""
NOISE_SECONDS = 0.02


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


def unnoticed(during: float, usual: float, factor: float) -> bool:
    """Whether a p99 in seconds is at most so many times the usual one, but for what this machine adds by itself."""
    return during <= factor * usual + NOISE_SECONDS


async def others(front: Fronted, during: float, seed: int) -> tuple[float, list[str]]:
    """p99 in seconds of good callers for so many seconds, and what went wrong with them."""
    async with front.session() as client, front.channel() as channel:
        sent = await play(poisson(Random(seed), OTHERS_RATE, during), Callers(front, client, channel).call)
    return percentile(seconds(sent), 99), [one.outcome for one in sent if one.outcome != GOOD]
