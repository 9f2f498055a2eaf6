"""The unchanged generated stubs behave alike on the in-process channel and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from channels import Servicer
from core.scripted import ANSWER, REQUEST, SECONDS, SOON, Connect, Scripted, event, texts
from grpc import StatusCode
from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.channel import cancelling
from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error
from thinmesh_core.wire import MAX_METADATA_BYTES, MAX_REQUEST_BYTES


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
    assert from_rpc_error(raised.value).reason is Reason.REQUEST_TOO_LARGE


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
