"""Engines that speak gRPC, and what their failures mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm

from fakes.raw_grpc import raw_grpc
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_core.errors import MeshError, Reason

SECONDS = 5.0
NO_MESSAGE = b"\xff\xff"


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
