"""What only the in-process channel has: a handler inside its caller's task, and the races that come with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from channels import Servicer, connected
from grpc import StatusCode
from grpc.aio import AioRpcError, UsageError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer, kinds
from thinmesh_core.status import from_rpc_error

REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
NOWHERE = Path("/nowhere")


class Handler(Servicer):
    """Runs what the test gives it."""

    def __init__(self, answer: Any = None, stream: Any = None) -> None:
        self.answer = answer
        self.stream = stream

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        await self.answer(context)
        return pb.GenerateResponse()

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        async for one in self.stream(context):
            yield one


async def test_a_handler_that_cancels_itself_is_an_error_and_no_cancellation() -> None:
    async def answer(context: Any) -> None:
        raise asyncio.CancelledError

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        with pytest.raises(AioRpcError) as raised:
            await one.stub.Generate(REQUEST, timeout=10)
    assert raised.value.code() is StatusCode.UNKNOWN


async def test_a_handler_that_swallows_its_cancellation_ends_by_it_all_the_same() -> None:
    async def answer(context: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        with pytest.raises(AioRpcError) as raised:
            await one.stub.Generate(REQUEST, timeout=0.05)
        assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(0)  # nothing of the interrupt is left in this task


async def test_cancelling_the_task_wins_over_an_interrupt_in_the_same_turn() -> None:
    began = asyncio.Event()

    async def answer(context: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        call = one.stub.Generate(REQUEST, timeout=10)
        task = asyncio.ensure_future(_awaited(call))
        await began.wait()
        call.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert call.done()


async def test_an_interrupt_in_the_turn_of_the_answer_leaves_no_cancellation_behind() -> None:
    release = asyncio.Event()
    began = asyncio.Event()

    async def answer(context: Any) -> None:
        began.set()
        await release.wait()

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        call = one.stub.Generate(REQUEST, timeout=10)
        task = asyncio.ensure_future(_awaited(call))
        await began.wait()
        release.set()
        call.cancel()
        assert await task in {"OK", "CANCELLED"}
        assert task.cancelling() == 0


async def test_a_callers_own_timeout_around_a_read_is_a_timeout() -> None:
    ended = asyncio.Event()

    async def stream(context: Any) -> AsyncIterator[pb.GenerateEvent]:
        try:
            await asyncio.Event().wait()
            yield pb.GenerateEvent()
        finally:
            ended.set()

    async with connected("in-process", NOWHERE, Handler(stream=stream)) as one:
        call = one.stub.StreamGenerate(REQUEST, timeout=10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await call.read()
        assert ended.is_set()
        assert call.cancelled()


async def test_a_deadline_inside_a_deadline_is_told_by_the_inner_one() -> None:
    async def hang(context: Any) -> None:
        await asyncio.Event().wait()

    async with connected("in-process", NOWHERE, Handler(hang)) as inner:

        async def forward(context: Any) -> None:
            await inner.stub.Generate(REQUEST, timeout=0.05)

        async with connected("in-process", NOWHERE, Handler(forward)) as outer:
            with pytest.raises(AioRpcError) as raised:
                await outer.stub.Generate(REQUEST, timeout=10)
    assert "DEADLINE_EXCEEDED" in (raised.value.details() or "")


async def test_a_call_that_is_never_awaited_ends_at_its_deadline() -> None:
    server = InProcessServer("s")
    stub = grpc_stub(server)
    call = stub.Generate(REQUEST, timeout=0.01)
    async with asyncio.timeout(10):
        assert await call.code() is StatusCode.DEADLINE_EXCEEDED
    assert not server.running


async def test_a_call_cancelled_before_it_began_never_runs() -> None:
    async def answer(context: Any) -> None:
        raise AssertionError

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        call = one.stub.Generate(REQUEST, timeout=10)
        assert call.cancel()
        with pytest.raises(AioRpcError) as raised:
            await call
    assert raised.value.code() is StatusCode.CANCELLED


async def test_two_tasks_cannot_read_one_stream_at_once() -> None:
    async def stream(context: Any) -> AsyncIterator[pb.GenerateEvent]:
        await asyncio.sleep(0.01)
        yield pb.GenerateEvent()

    async with connected("in-process", NOWHERE, Handler(stream=stream)) as one:
        call = one.stub.StreamGenerate(REQUEST, timeout=10)
        results = await asyncio.gather(call.read(), call.read(), return_exceptions=True)
    assert sum(isinstance(result, UsageError) for result in results) == 1


async def test_the_servers_count_is_empty_however_calls_end() -> None:
    async def answer(context: Any) -> None:
        await context.abort(StatusCode.NOT_FOUND, "no")

    async def stream(context: Any) -> AsyncIterator[pb.GenerateEvent]:
        yield pb.GenerateEvent()
        yield pb.GenerateEvent()

    async with connected("in-process", NOWHERE, Handler(answer, stream)) as one:
        assert isinstance(one.server, InProcessServer)
        with pytest.raises(AioRpcError):
            await one.stub.Generate(REQUEST, timeout=10)
        async for _ in one.stub.StreamGenerate(REQUEST, timeout=10):
            pass
        left = one.stub.StreamGenerate(REQUEST, timeout=10)
        await left.read()
        left.cancel()
        assert not one.server.running


async def test_ports_and_one_answer_to_streamed_requests_are_refused() -> None:
    server = InProcessServer("s")
    with pytest.raises(UsageError):
        server.add_insecure_port("127.0.0.1:0")
    with pytest.raises(UsageError):
        InProcessChannel(server).stream_unary("/a/b")


def grpc_stub(server: InProcessServer) -> Any:
    from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

    inference_grpc.add_InferenceServiceServicer_to_server(Servicer(), server)
    return inference_grpc.InferenceServiceStub(InProcessChannel(server))


async def _awaited(call: Any) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def test_a_stream_whose_message_is_too_large_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def stream(context: Any) -> AsyncIterator[pb.GenerateEvent]:
        try:
            yield pb.GenerateEvent(deltas=[pb.Delta(text="long")])
        finally:
            ended.set()

    monkeypatch.setattr(kinds, "MAX_RESPONSE_BYTES", 1)
    async with connected("in-process", NOWHERE, Handler(stream=stream)) as one:
        call = one.stub.StreamGenerate(REQUEST, timeout=10)
        with pytest.raises(AioRpcError) as raised:
            await call.read()
        assert raised.value.code() is StatusCode.RESOURCE_EXHAUSTED
        assert from_rpc_error(raised.value).reason is Reason.REQUEST_TOO_LARGE
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_stream_that_swallows_its_cancellation_is_left() -> None:
    ended = asyncio.Event()

    async def stream(context: Any) -> AsyncIterator[pb.GenerateEvent]:
        try:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield pb.GenerateEvent()
        finally:
            ended.set()

    async with connected("in-process", NOWHERE, Handler(stream=stream)) as one:
        call = one.stub.StreamGenerate(REQUEST, timeout=0.05)
        with pytest.raises(AioRpcError) as raised:
            await call.read()
        assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_handler_that_fails_because_of_its_cancellation_ends_by_that() -> None:
    async def answer(context: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("unrelated") from None

    async with connected("in-process", NOWHERE, Handler(answer)) as one:
        with pytest.raises(AioRpcError) as raised:
            await one.stub.Generate(REQUEST, timeout=0.05)
        assert raised.value.code() is StatusCode.DEADLINE_EXCEEDED
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
