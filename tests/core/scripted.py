"""What stands behind a channel in its tests: a servicer that does as it is told, and a hop before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from canaries import PROMPT
from channels import Connected, Servicer
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.channel import cancelling

Connect = Callable[..., Awaitable[Connected]]

SECONDS = 10.0
SOON = 0.1
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
ANSWER = pb.GenerateResponse(choices=[pb.Choice(text="whole")])


def event(number: int) -> pb.GenerateEvent:
    return pb.GenerateEvent(deltas=[pb.Delta(text=str(number))])


class Scripted(Servicer):
    """Streams `count` numbered events, hangs after `hang_after`, and says when it began and how it ended."""

    def __init__(self, count: int = 3, hang_after: int | None = None) -> None:
        self.count = count
        self.hang_after = hang_after
        self.sent = 0
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.remaining: float | None = None
        self.metadata: dict[str, Any] = {}

    def _begin(self, context: Any) -> None:
        self.remaining = context.time_remaining()
        self.metadata = dict(context.invocation_metadata())
        self.began.set()

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        self._begin(context)
        try:
            if self.hang_after is not None:
                await asyncio.Event().wait()
            return ANSWER
        finally:
            self.ended.set()

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        self._begin(context)
        try:
            for number in range(self.count):
                if number == self.hang_after:
                    await asyncio.Event().wait()
                self.sent += 1
                yield event(number)
        finally:
            self.ended.set()


class Forwarding(Servicer):
    """A hop: passes everything on to the next stub."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        answer: pb.GenerateResponse = await self.stub.Generate(request, timeout=context.time_remaining())
        return answer

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        async with cancelling(self.stub.StreamGenerate(request, timeout=context.time_remaining())) as call:
            async for one in call:
                yield one


async def texts(call: Any) -> list[str]:
    return [one.deltas[0].text async for one in call]


async def ended(scripted: Scripted) -> None:
    async with asyncio.timeout(SECONDS):
        await scripted.ended.wait()


async def outcome(call: Any) -> str:
    try:
        await call
    except AioRpcError as error:
        return error.code().name
    except asyncio.CancelledError:
        return "CancelledError"
    return "OK"
