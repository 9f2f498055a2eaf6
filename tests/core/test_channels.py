"""The unchanged generated stubs behave alike on the in-process channel and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from channels import Connected, Servicer
from grpc import StatusCode
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.channel import cancelling
from thinmesh_core.wire import MAX_METADATA_BYTES, MAX_REQUEST_BYTES

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


async def test_a_unary_call_is_answered_and_may_be_awaited_again(connect: Connect) -> None:
    connected = await connect(Scripted())
    call = connected.stub.Generate(REQUEST, timeout=SECONDS)
    assert await call == ANSWER
    assert await call == ANSWER
    assert await call.code() is StatusCode.OK


async def test_a_stream_keeps_its_order_and_ends_with_eof(connect: Connect) -> None:
    connected = await connect(Scripted(50))
    assert await texts(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)) == [str(n) for n in range(50)]
    call = connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    for _ in range(50):
        assert isinstance(await call.read(), pb.GenerateEvent)
    assert await call.read() is grpc.aio.EOF
    assert await call.read() is grpc.aio.EOF
    assert call.done()
    assert await call.code() is StatusCode.OK


async def test_an_empty_stream_ends_at_once(connect: Connect) -> None:
    connected = await connect(Scripted(0))
    assert await texts(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)) == []


async def test_parallel_streams_do_not_mix(connect: Connect) -> None:
    connected = await connect(Scripted(100))
    calls = [connected.stub.StreamGenerate(REQUEST, timeout=SECONDS) for _ in range(20)]
    assert await asyncio.gather(*(texts(call) for call in calls)) == [[str(n) for n in range(100)]] * 20


async def test_the_handler_sees_metadata_and_the_time_that_remains(connect: Connect) -> None:
    scripted = Scripted()
    connected = await connect(scripted)
    await connected.stub.Generate(REQUEST, timeout=SECONDS, metadata=(("x-request-id", "r1"), ("thinmesh-tenant", "t")))
    assert scripted.metadata["x-request-id"] == "r1"
    assert scripted.metadata["thinmesh-tenant"] == "t"
    assert scripted.remaining is not None
    assert 0 < scripted.remaining < SECONDS + 1


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
    waiting = asyncio.ensure_future(_outcome(call))
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


async def test_the_reader_sets_the_pace(connect: Connect, kind: str) -> None:
    scripted = Scripted(1_000_000)
    connected = await connect(scripted)
    async with cancelling(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)) as call:
        await call.read()
        await asyncio.sleep(SOON)
        ahead = scripted.sent
    # On the network HTTP/2's window fills; in-process the handler does not move until it is asked.
    assert ahead == 1 if kind == "in-process" else ahead < 100_000


async def test_an_abort_gives_code_details_and_trailer(connect: Connect) -> None:
    class Aborting(Servicer):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            await context.abort(StatusCode.NOT_FOUND, "not here", (("why", "gone"), ("more-bin", b"\x00\xff")))
            raise AssertionError

        async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
            yield event(0)
            await context.abort(StatusCode.DATA_LOSS, "torn")

    connected = await connect(Aborting())
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SECONDS)
    assert (raised.value.code(), raised.value.details()) == (StatusCode.NOT_FOUND, "not here")
    trailer = raised.value.trailing_metadata()
    assert (trailer["why"], trailer["more-bin"]) == ("gone", b"\x00\xff")

    call = connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)
    assert await call.read() == event(0)
    with pytest.raises(AioRpcError) as torn:
        await call.read()
    assert torn.value.code() is StatusCode.DATA_LOSS
    assert await call.details() == "torn"


async def test_a_status_that_is_set_and_not_ok_ends_the_call(connect: Connect) -> None:
    class Setting(Servicer):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            context.set_code(StatusCode.ALREADY_EXISTS)
            context.set_details("twice")
            context.set_trailing_metadata((("k", "v"),))
            return ANSWER

    connected = await connect(Setting())
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SECONDS)
    assert (raised.value.code(), raised.value.details()) == (StatusCode.ALREADY_EXISTS, "twice")
    assert raised.value.trailing_metadata()["k"] == "v"


async def test_an_exception_is_unknown_and_the_server_goes_on(connect: Connect) -> None:
    class Failing(Scripted):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            raise ValueError("boom")

    connected = await connect(Failing())
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SECONDS)
    assert raised.value.code() is StatusCode.UNKNOWN
    assert await texts(connected.stub.StreamGenerate(REQUEST, timeout=SECONDS)) == ["0", "1", "2"]


async def test_an_unknown_method_is_unimplemented(connect: Connect) -> None:
    connected = await connect(Scripted())
    nothing = connected.channel.unary_unary(
        "/thinmesh.inference.v1.InferenceService/Nothing",
        request_serializer=pb.GenerateRequest.SerializeToString,
        response_deserializer=pb.GenerateResponse.FromString,
    )
    with pytest.raises(AioRpcError) as raised:
        await nothing(REQUEST, timeout=SECONDS)
    assert raised.value.code() is StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("excess", [MAX_METADATA_BYTES, MAX_METADATA_BYTES * 2])
async def test_metadata_above_the_cap_is_refused(connect: Connect, excess: int) -> None:
    connected = await connect(Scripted())
    for _ in range(5):
        with pytest.raises(AioRpcError) as raised:
            await connected.stub.Generate(REQUEST, timeout=SECONDS, metadata=(("x-long", "x" * excess),))
        assert raised.value.code() is StatusCode.RESOURCE_EXHAUSTED
    assert await connected.stub.Generate(REQUEST, timeout=SECONDS, metadata=(("x-long", "x" * 4096),)) == ANSWER


async def test_a_request_above_the_cap_is_refused(connect: Connect) -> None:
    connected = await connect(Scripted())
    largest = pb.GenerateRequest(text="x" * (MAX_REQUEST_BYTES - 5))
    assert largest.ByteSize() == MAX_REQUEST_BYTES
    assert await connected.stub.Generate(largest, timeout=SECONDS) == ANSWER
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(pb.GenerateRequest(text="x" * MAX_REQUEST_BYTES), timeout=SECONDS)
    assert raised.value.code() is StatusCode.RESOURCE_EXHAUSTED


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


async def test_interceptors_see_the_method_and_may_refuse(connect: Connect) -> None:
    class Guard(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            assert handler_call_details.method.endswith("/Generate")
            if dict(handler_call_details.invocation_metadata).get("pass") == "yes":
                return await continuation(handler_call_details)

            async def refuse(request: Any, context: Any) -> None:
                await context.abort(StatusCode.PERMISSION_DENIED, "no")

            handler = await continuation(handler_call_details)
            return grpc.unary_unary_rpc_method_handler(refuse, handler.request_deserializer, handler.response_serializer)

    connected = await connect(Scripted(), [Guard()])
    assert await connected.stub.Generate(REQUEST, timeout=SECONDS, metadata=(("pass", "yes"),)) == ANSWER
    with pytest.raises(AioRpcError) as raised:
        await connected.stub.Generate(REQUEST, timeout=SECONDS)
    assert raised.value.code() is StatusCode.PERMISSION_DENIED


async def test_stopping_lets_a_call_finish_within_its_grace_and_refuses_new_ones(connect: Connect) -> None:
    release = asyncio.Event()

    class Waiting(Scripted):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            self.began.set()
            await release.wait()
            return ANSWER

    waiting = Waiting()
    connected = await connect(waiting)
    running = asyncio.ensure_future(_outcome(connected.stub.Generate(REQUEST, timeout=SECONDS)))
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


async def _outcome(call: Any) -> str:
    try:
        await call
    except AioRpcError as error:
        return error.code().name
    except asyncio.CancelledError:
        return "CancelledError"
    return "OK"
