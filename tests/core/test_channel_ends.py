"""How calls end before their answer does, alike on the in-process channel and on a real one: in time, by their caller, by the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from core.scripted import ANSWER, REQUEST, SECONDS, SOON, Connect, Forwarding, Scripted, ended, event, outcome, texts
from grpc import StatusCode
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.channel import cancelling


async def test_a_deadline_ends_a_unary_call_and_its_handler(connect: Connect) -> None:
    scripted = Scripted(hang_after=0)
    connected = await connect(scripted)
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SOON)
    assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED
    await ended(scripted)


async def test_a_deadline_ends_a_stream_in_its_middle(connect: Connect) -> None:
    scripted = Scripted(hang_after=2)
    connected = await connect(scripted)
    call = connected.stub.StreamGenerate(REQUEST, timeout=SOON * 3)
    assert [await call.read(), await call.read()] == [event(0), event(1)]
    with pytest.raises(AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED
    await ended(scripted)


async def test_a_deadline_passes_while_nobody_reads(connect: Connect) -> None:
    scripted = Scripted(1_000_000)
    connected = await connect(scripted)
    call = connected.stub.StreamGenerate(REQUEST, timeout=SOON)
    await call.read()
    await ended(scripted)
    assert await call.code() is StatusCode.DEADLINE_EXCEEDED


async def test_a_deadline_in_the_past_never_reaches_an_answer(connect: Connect) -> None:
    connected = await connect(Scripted(hang_after=0))
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=0)
    assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED


async def test_cancelling_from_another_task_ends_call_and_handler(connect: Connect) -> None:
    scripted = Scripted(hang_after=0)
    connected = await connect(scripted)
    call = connected.stub.Generate(REQUEST, timeout=SECONDS)
    waiting = asyncio.ensure_future(outcome(call))
    await scripted.began.wait()
    assert call.cancel()
    assert await waiting in {"CancelledError", "CANCELLED"}
    assert call.cancelled()
    await ended(scripted)
    assert not call.cancel()


async def test_cancelling_between_two_messages_ends_the_handler(connect: Connect) -> None:
    scripted = Scripted(1_000_000)
    connected = await connect(scripted)
    call = connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    await call.read()
    assert call.cancel()
    await ended(scripted)
    assert await call.code() is StatusCode.CANCELLED
    assert call.done()


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_cancelling_the_callers_task_reaches_the_innermost_handler(connect: Connect, hops: int) -> None:
    scripted = Scripted(hang_after=1)
    connected = await connect(scripted)
    for _ in range(hops - 1):
        connected = await connect(Forwarding(connected.stub))
    reading = asyncio.create_task(texts(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)))
    await scripted.began.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await ended(scripted)


async def test_leaving_a_loop_by_cancelling_ends_the_handler_two_hops_away(connect: Connect) -> None:
    scripted = Scripted(1_000_000)
    near = await connect(scripted)
    far = await connect(Forwarding(near.stub))
    async with cancelling(far.stub.StreamGenerate(REQUEST, timeout=SECONDS)) as call:
        async for one in call:
            assert one == event(0)
            break
    await ended(scripted)


async def test_done_callbacks_come_once_with_the_end(connect: Connect) -> None:
    connected = await connect(Scripted())
    call = connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    came = asyncio.Event()
    seen: list[bool] = []

    def note(one: Any) -> None:
        seen.append(one.done())
        came.set()

    call.add_done_callback(note)
    await texts(call)
    async with asyncio.timeout(SECONDS):
        await came.wait()
    assert seen == [True]


async def test_stopping_lets_a_call_finish_within_its_grace_and_refuses_new_ones(connect: Connect) -> None:
    release = asyncio.Event()

    class Waiting(Scripted):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            self.began.set()
            await release.wait()
            return ANSWER

    waiting = Waiting()
    connected = await connect(waiting)
    running = asyncio.ensure_future(outcome(connected.stub.Generate(REQUEST, timeout=SECONDS)))
    await waiting.began.wait()
    stopping = asyncio.create_task(connected.server.stop(SECONDS))
    await asyncio.sleep(0)
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SECONDS)
    # grpc.aio says CANCELLED of a call that reaches the server before its GOAWAY has reached the client
    assert raised.value.code() in {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
    release.set()
    assert await running == "OK"
    await stopping


async def test_stopping_ends_what_runs_after_the_grace(connect: Connect) -> None:
    scripted = Scripted(hang_after=1)
    connected = await connect(scripted)
    call = connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    await call.read()
    await connected.server.stop(SOON)
    with pytest.raises((AioRpcError, asyncio.CancelledError)):
        await call.read()
    await ended(scripted)


async def test_a_generator_around_a_call_closes_it(connect: Connect) -> None:
    scripted = Scripted(1_000_000)
    connected = await connect(scripted)

    async def hop() -> AsyncGenerator[pb.GenerateEvent, None]:
        async with cancelling(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)) as call:
            async for one in call:
                yield one

    async with aclosing(hop()) as events:
        async for _ in events:
            break
    await ended(scripted)
