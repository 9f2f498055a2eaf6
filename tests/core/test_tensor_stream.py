"""Streams of tensor requests: on either kind of channel, each request is answered by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from channels import Connected, Servicer
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.tensor_stream import MAX_RUNNING, failed, failure, multiplexed, once
from thinmesh_core.wire import MAX_REQUEST_BYTES

Serve = Callable[..., Awaitable[Connected]]
Base: Any = tensor_grpc.GRPCInferenceServiceServicer


class Counting(Base):
    """Answers a request as often as its id says; `hold` keeps each before its last answer."""

    def __init__(self) -> None:
        self.hold: asyncio.Event | None = None
        self.running = self.most = self.said = 0
        self.left = asyncio.Event()

    async def answer(self, request: pb.ModelInferRequest) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if request.model_name == "full":
                raise MeshError(Reason.BACKEND_FULL, "full", retry_after=2)
            if request.model_name == "closed":
                raise asyncio.CancelledError
            if request.model_name == "broken":
                raise KeyError("secret")
            for number in range(int(request.id)):
                self.said += 1
                yield pb.ModelStreamInferResponse(
                    infer_response=pb.ModelInferResponse(id=request.id, model_version=str(number))
                )
                if self.hold is not None:
                    await self.hold.wait()
        finally:
            self.running -= 1
            self.left.set()

    async def ModelStreamInfer(self, request_iterator: Any, context: Any) -> AsyncIterator[pb.ModelStreamInferResponse]:
        stream = multiplexed(request_iterator, self.answer)
        try:
            async for response in stream:
                yield response
        finally:
            await stream.aclose()


async def serve(connect: Serve, servicer: Counting) -> Any:
    one = await connect(Servicer(), [ErrorInterceptor()])
    tensor_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, one.server)
    return tensor_grpc.GRPCInferenceServiceStub(one.channel)


async def several(*requests: tuple[str, str]) -> AsyncIterator[pb.ModelInferRequest]:
    for model, identifier in requests:
        yield pb.ModelInferRequest(model_name=model, id=identifier)


async def drain(call: Any) -> list[pb.ModelStreamInferResponse]:
    return [response async for response in call]


async def test_every_request_gets_its_answers_in_order(connect: Serve) -> None:
    stub = await serve(connect, Counting())
    found: dict[str, list[str]] = {}
    for response in await drain(stub.ModelStreamInfer(several(("m", "3"), ("m", "0"), ("m", "5")), timeout=5)):
        found.setdefault(response.infer_response.id, []).append(response.infer_response.model_version)
    assert found == {"3": ["0", "1", "2"], "5": ["0", "1", "2", "3", "4"]}


async def test_a_request_that_fails_says_so_in_the_stream_and_the_others_go_on(connect: Serve) -> None:
    stub = await serve(connect, Counting())
    said = await drain(stub.ModelStreamInfer(several(("full", "1"), ("m", "2"), ("broken", "7")), timeout=5))
    errors = {one.infer_response.id: failed(one) for one in said if one.error_message}
    assert {key: error.reason for key, error in errors.items() if error} == {"1": Reason.BACKEND_FULL, "7": Reason.INTERNAL}
    assert errors["1"] is not None
    assert errors["1"].retry_after == 2
    assert not any("secret" in one.error_message for one in said)
    assert len(said) == 4


async def test_a_request_whose_channel_is_closed_under_it_says_so_and_the_others_go_on(connect: Serve) -> None:
    stub = await serve(connect, Counting())
    said = await drain(stub.ModelStreamInfer(several(("closed", "1"), ("m", "2")), timeout=5))
    assert sorted(one.infer_response.id for one in said) == ["1", "2", "2"]
    assert [error.reason for one in said if (error := failed(one)) is not None] == [Reason.INTERNAL]


async def test_leaving_ends_every_answer(connect: Serve) -> None:
    servicer = Counting()
    servicer.hold = asyncio.Event()
    stub = await serve(connect, servicer)
    call = stub.ModelStreamInfer(several(("m", "9"), ("m", "8")), timeout=5)
    await anext(aiter(call))
    call.cancel()
    async with asyncio.timeout(5):
        while servicer.running:
            servicer.left.clear()
            await servicer.left.wait()


async def test_no_more_run_than_one_stream_may(connect: Serve) -> None:
    servicer = Counting()
    servicer.hold = asyncio.Event()
    stub = await serve(connect, servicer)
    call = stub.ModelStreamInfer(several(*([("m", "1")] * (MAX_RUNNING + 10))), timeout=5)
    responses = aiter(call)
    for _ in range(MAX_RUNNING):
        await anext(responses)
    servicer.hold.set()
    assert len([response async for response in responses]) == 10
    assert servicer.most == MAX_RUNNING


async def test_a_request_that_is_too_large_is_refused(connect: Serve) -> None:
    stub = await serve(connect, Counting())
    large = pb.ModelInferRequest(model_name="m", id="1", raw_input_contents=[bytes(MAX_REQUEST_BYTES + 1)])
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await drain(stub.ModelStreamInfer(once(large), timeout=5))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_method_that_is_not_there_is_unimplemented_and_no_fault(connect: Serve) -> None:
    stub = await serve(connect, Counting())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_slow_reader_holds_the_answers_back() -> None:
    servicer = Counting()
    stream = multiplexed(several(("m", "100")), servicer.answer)
    await anext(stream)
    for _ in range(20):
        await asyncio.sleep(0)
    assert servicer.said <= 3
    await stream.aclose()
    assert servicer.running == 0


def test_a_strangers_failure_keeps_its_words_to_itself() -> None:
    error = failed(pb.ModelStreamInferResponse(error_message="at /secret/path"))
    assert error is not None
    assert (error.reason, "secret" in error.message) == (Reason.ENGINE_ERROR, False)
    told = failed(failure("1", MeshError(Reason.OVERLOADED, "busy", retry_after=1)))
    assert told is not None
    assert (told.reason, told.message, told.retry_after) == (Reason.OVERLOADED, "busy", 1)
