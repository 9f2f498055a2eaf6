"""Cases of what is refused, by the right name and at once, and of the status that says what would be taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import (
    Case,
    InapplicableError,
    a_short_context,
    a_spare,
    an_adapter,
    generation,
    models_by_name,
)
from thinmesh_adapters.conformance.endings import until_idle
from thinmesh_adapters.conformance.target import CALL_SECONDS, Target, expect, refusal
from thinmesh_core.capabilities import Capability, name
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import Reason

MOST_CALLS = 64
"""More calls at once than this are not started to find an adapter's limit."""


async def an_undeclared_capability_is_refused_by_name(target: Target) -> None:
    """CAPABILITY_MISSING with the capability's name."""
    for capability, request in _requests(target).items():
        if capability not in target.capabilities:
            error = await refusal(target.generate(request))
            expect(error, Reason.CAPABILITY_MISSING)
            assert name(capability) in (error.details() or ""), f"{name(capability)} is not named"


async def an_unknown_model_is_not_found(target: Target) -> None:
    """MODEL_NOT_FOUND for a name that nobody gave."""
    request = target.request()
    request.model = "no-such-model"
    expect(await refusal(target.generate(request)), Reason.MODEL_NOT_FOUND)


async def too_long_an_input_is_refused(target: Target) -> None:
    """CONTEXT_LENGTH_EXCEEDED, not a cut prompt."""
    assert target.context_length is not None
    long = target.request("word " * (target.context_length + 64))
    expect(await refusal(target.generate(long)), Reason.CONTEXT_LENGTH_EXCEEDED)


async def too_many_calls_are_refused_at_once(target: Target) -> None:
    """BACKEND_FULL above max_concurrency, and served again below it."""
    limit = (await target.status()).max_concurrency
    if limit > MOST_CALLS:
        raise InapplicableError(f"takes {limit} calls at once, too many to start here")
    async with AsyncExitStack() as stack:
        for _ in range(limit):
            await stack.enter_async_context(_running(target))
        expect(await refusal(target.generate(target.request())), Reason.BACKEND_FULL)
        expect(await refusal(target.read(target.request())), Reason.BACKEND_FULL)
    await until_idle(target)
    await target.read(target.request())


async def a_drained_adapter_takes_no_new_calls(target: Target) -> None:
    """DRAINING for new calls and in the status, while what runs goes on."""
    assert target.spare is not None
    async with target.spare() as spare:
        assert spare.adapter is not None
        async with _running(spare) as call:
            await spare.adapter.Drain(adapter_pb.DrainRequest(), timeout=CALL_SECONDS)
            await spare.adapter.Drain(adapter_pb.DrainRequest(), timeout=CALL_SECONDS)
            expect(await refusal(spare.generate(spare.request())), Reason.DRAINING)
            status = await spare.status()
            assert status.state == adapter_pb.STATE_DRAINING, "the status is not DRAINING"
            assert status.running == 1, f"{status.running} calls run, not 1"
            assert await call.read() is not grpc.aio.EOF, "the running call ended"


async def status_is_watched(target: Target) -> None:
    """WatchStatus sends at once and again."""
    assert target.adapter is not None
    request = adapter_pb.WatchStatusRequest()
    async with cancelling(target.adapter.WatchStatus(request, metadata=target.metadata, timeout=CALL_SECONDS)) as call:
        for _ in range(2):
            status = (await call.read()).status
            assert status.state == adapter_pb.STATE_READY, "not ready"
            assert status.max_concurrency > 0, "no max_concurrency"


@asynccontextmanager
async def _running(target: Target) -> AsyncIterator[Any]:
    """A call that goes on and on, after its first event."""
    async with cancelling(target.stream(target.endless())) as call:
        assert await call.read() is not grpc.aio.EOF, "an endless answer ended"
        yield call


def _requests(target: Target) -> dict[Capability, pb.GenerateRequest]:
    """A request that needs each capability and otherwise what the target has."""
    tools = target.request()
    tools.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text="x")
    tools.chat.tools.add(name="f")
    several = target.request()
    several.sampling.n = 2
    schema = sampling_pb2.JsonSchema(name="x", schema_json="{}")
    return {
        cap.CAPABILITY_TOOLS: tools,
        cap.CAPABILITY_N: several,
        cap.CAPABILITY_LOGPROBS: target.request(logprobs=sampling_pb2.LogprobOptions()),
        cap.CAPABILITY_REGEX: target.request(response_format=sampling_pb2.ResponseFormat(regex="a")),
        cap.CAPABILITY_JSON_SCHEMA: target.request(response_format=sampling_pb2.ResponseFormat(json_schema=schema)),
    }


CASES = (
    Case(an_undeclared_capability_is_refused_by_name, (generation,)),
    Case(an_unknown_model_is_not_found, (generation, models_by_name)),
    Case(too_long_an_input_is_refused, (generation, a_short_context)),
    Case(too_many_calls_are_refused_at_once, (generation, an_adapter)),
    Case(a_drained_adapter_takes_no_new_calls, (generation, a_spare)),
    Case(status_is_watched, (an_adapter,)),
)
