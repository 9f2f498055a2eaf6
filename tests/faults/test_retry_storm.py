"""Engines that turn slow while callers try again and again: once they are quick, everything is."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import grpc
import pytest
from canaries import PHRASE
from grpc.aio import AioRpcError
from launch import mesh
from load import Record, Sent, play, poisson
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import sampling_pb2

from fakes.replicas import config, replicas
from thinmesh_core.channel import dial
from thinmesh_core.status import from_rpc_error

RATE, SECONDS = 64, 40
SLOW, QUICK = 10, 20
"""When the engines turn slow, and when they are quick again."""

TIMEOUT, TRIES = 1.0, 3
REQUEST = pb.GenerateRequest(model="fake", text=PHRASE, stopping=sampling_pb2.Stopping(max_tokens=1))


@pytest.mark.faults
async def test_fault_17_a_retry_storm_ends_with_its_cause(state: Path, record_property: Record) -> None:
    """At 80 % load engines are 3 times slower for 10 s, and callers give up after 1 s and try 3 times, as OpenAI's SDK does
    -> amplification <= 1.2, goodput >= 95 % within 10 s of the end.
    """
    async with replicas(2, tokens=["x"], delay=0.1) as engines, AsyncExitStack() as stack:
        running = await stack.enter_async_context(mesh(config(engines, seats=4), state, "up"))
        channel = await stack.enter_async_context(dial(running.grpc))
        stub = inference_grpc.InferenceServiceStub(channel)
        tries, random = 0, Random(18)

        async def ask() -> bool:
            nonlocal tries
            for attempt in range(TRIES):
                tries += 1
                try:
                    await stub.Generate(REQUEST, metadata=running.metadata, timeout=TIMEOUT)
                except AioRpcError as error:
                    assert error.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
                    told = from_rpc_error(error).retry_after
                    await asyncio.sleep(told or random.uniform(0.75, 1) * 0.5 * 2**attempt)
                else:
                    return True
            return False

        async def slow() -> None:
            for at, delay in ((SLOW, 0.3), (QUICK - SLOW, 0.1)):
                await asyncio.sleep(at)
                for engine in engines:
                    engine.delay = delay

        slowing = asyncio.create_task(slow())
        sent = await play(poisson(Random(17), RATE, SECONDS), ask)
        await slowing
    asked = sum(len(engine.requests) for engine in engines)
    shares = [_good([one for one in sent if second <= one.at < second + 1]) for second in range(SECONDS)]
    low = [second for second in range(QUICK, SECONDS) if shares[second] < 0.95]
    recovered = low[-1] + 1 - QUICK if low else 0
    record_property("asked of engines", f"{asked / len(sent):.2f} a call, callers tried {tries / len(sent):.2f} times")
    record_property(
        "goodput during it", f"{sum(shares[SLOW:QUICK]) / (QUICK - SLOW):.0%}, before {sum(shares[:SLOW]) / SLOW:.0%}"
    )
    record_property("again >= 95 % after", f"{recovered} s")
    assert asked <= 1.2 * len(sent)
    assert recovered <= 10


def _good(sent: list[Sent[bool]]) -> float:
    """The share that was answered within the callers' time, whether at the first try or later."""
    return sum(one.outcome and one.seconds <= TIMEOUT for one in sent) / len(sent)
