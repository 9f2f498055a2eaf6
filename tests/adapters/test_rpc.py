"""Engines that speak gRPC, and what their failures mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import pytest
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm

from fakes.raw_grpc import raw_grpc
from thinmesh_adapters.rpc import Words
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.wire import MAX_REQUEST_BYTES

SECONDS = 5.0
NO_MESSAGE = b"\xff\xff"
PLAIN = Words(vague=(), by_text=())


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with raw_grpc({}, NO_MESSAGE) as address:
        engine = Engine(address)
        yield engine
        await engine.close()


async def test_an_answer_that_does_not_parse_is_the_engines_fault(engine: Engine) -> None:
    with pytest.raises(MeshError) as raised:
        await engine.ask(engine.stub.GetModelInfo(vllm.GetModelInfoRequest(), timeout=SECONDS))
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


async def test_so_is_one_in_a_stream(engine: Engine) -> None:
    async with aclosing(engine.read(engine.stub.Generate(vllm.GenerateRequest(), timeout=SECONDS))) as answers:
        with pytest.raises(MeshError) as raised:
            await anext(answers)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


async def test_a_request_that_is_too_large_for_grpc_is_no_matter_of_being_busy(engine: Engine) -> None:
    large = vllm.AbortRequest(request_ids=["x" * MAX_REQUEST_BYTES])
    with pytest.raises(MeshError) as raised:
        await engine.ask(engine.stub.Abort(large, timeout=SECONDS))
    assert (raised.value.reason, raised.value.row.retryable) == (Reason.REQUEST_TOO_LARGE, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SERVER: Received message larger than max (5 vs. 4)", Reason.REQUEST_TOO_LARGE),
        ("grpc: received message larger than max (5 vs. 4)", Reason.REQUEST_TOO_LARGE),
        ("Stream removed (CLIENT: Received message larger than max (5 vs. 4))", Reason.ENGINE_PROTOCOL),
        ("SERVER: Sent message larger than max (5 vs. 4)", Reason.ENGINE_PROTOCOL),
        ("the queue is full", Reason.BACKEND_FULL),
    ],
)
def test_only_an_engine_that_is_busy_is_asked_again(text: str, reason: Reason) -> None:
    error = PLAIN.meaning(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
    assert (error.reason, error.row.retryable) == (reason, reason is Reason.BACKEND_FULL)
    assert (error.retry_after is None) == (reason is not Reason.BACKEND_FULL)
