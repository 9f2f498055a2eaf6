"""Calls whose time is over: no engine hears of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from grpc.aio import AioRpcError
from launch import Running, mesh
from load import Record, percentile, play, poisson, seconds
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from fakes.openai_engine import FakeEngine
from thinmesh_core.channel import dial
from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error

CONFIG = """
tenants: {dev: {}}
backends:
  one:
    adapter: openai
    options: {base_url: "URL", max_concurrency: SEATS}
models: {fake: {backends: [one]}}
"""
REQUEST = pb.GenerateRequest(model="fake", text=PROMPT)


async def ending(stub: Any, running: Running, given: float) -> AioRpcError | None:
    """How a unary call with so much time ends; None where it is answered."""
    try:
        await stub.Generate(REQUEST, metadata=running.metadata, timeout=given)
    except AioRpcError as error:
        return error
    return None


@pytest.mark.faults
async def test_fault_19_a_deadline_that_is_over_reaches_no_engine(
    state: Path, engine: FakeEngine, record_property: Record
) -> None:
    """Calls come with deadlines of -1 s, 0 and 1 ms -> each gets DEADLINE_EXCEEDED, and the engine hears of none."""
    async with mesh(config(engine, 8), state, "up") as running, dial(running.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        assert await ending(stub, running, 5) is None  # connected, and the engine is reached when there is time
        ends = [await ending(stub, running, given) for given in [-1, 0, 1e-3] * 50]
        assert await ending(stub, running, 5) is None  # behind them all
    codes = {end.code() for end in ends if end is not None}
    record_property("DEADLINE_EXCEEDED", f"{len([end for end in ends if end is not None])} of {len(ends)}")
    record_property("heard by the engine", len(engine.requests) - 2)
    assert (codes, None in ends, len(engine.requests)) == ({grpc.StatusCode.DEADLINE_EXCEEDED}, False, 2)


@pytest.mark.faults
async def test_fault_19_calls_that_expire_in_the_queue_are_never_dispatched(
    state: Path, engine: FakeEngine, record_property: Record
) -> None:
    """40 calls with 0.3 s wait behind one that takes 1 s -> each ends in its time, and none is dispatched later."""
    engine.tokens, engine.delay = ["x"], 1
    async with mesh(config(engine, 1), state, "up") as running, dial(running.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        first = asyncio.create_task(ending(stub, running, 5))
        await asyncio.wait_for(engine.asked.wait(), 5)
        sent = await play([0.005 * count for count in range(40)], lambda: ending(stub, running, 0.3))
        assert await first is None
        assert await ending(stub, running, 5) is None
    record_property("heard by the engine", f"{len(engine.requests) - 2} of {len(sent)}")
    record_property("slowest end", f"{max(seconds(sent)) * 1000:.0f} ms")
    assert {one.outcome.code() for one in sent if one.outcome is not None} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert None not in [one.outcome for one in sent]
    assert len(engine.requests) == 2
    assert max(seconds(sent)) <= 0.35


@pytest.mark.faults
async def test_fault_19_a_deadline_that_cannot_be_met_is_refused_at_once(
    state: Path, engine: FakeEngine, record_property: Record
) -> None:
    """A second of work waits, and a call comes that has 0.2 s -> it is refused within 20 ms (99 %), and told when to come."""
    engine.tokens, engine.delay = ["x"], 0.05
    async with mesh(config(engine, 1), state, "up") as running, dial(running.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        work = asyncio.create_task(play([0.0] * 20 + poisson(Random(19), 20, 4), lambda: ending(stub, running, 30)))
        await asyncio.wait_for(served(engine, 10), 5)  # from then on it is known how quick the engine is
        sent = await play(poisson(Random(20), 50, 2), lambda: ending(stub, running, 0.2))
        assert {one.outcome for one in await work} == {None}
    errors = [from_rpc_error(one.outcome) for one in sent if one.outcome is not None]
    slowest = percentile(seconds(sent), 99)
    record_property("99 % refused within", f"{slowest * 1000:.0f} ms")
    assert len(errors) == len(sent)
    assert {error.reason for error in errors} == {Reason.OVERLOADED}
    assert all(error.retry_after for error in errors)
    assert slowest <= 0.02


async def served(engine: FakeEngine, count: int) -> None:
    """Waits until the engine has said so many tokens."""
    while engine.generated < count:
        await asyncio.sleep(0.01)


def config(engine: FakeEngine, seats: int) -> str:
    """One engine with so many seats."""
    return CONFIG.replace("URL", engine.base_url).replace("SEATS", str(seats))
